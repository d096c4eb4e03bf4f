"""Bundles: a folder of four files, described and sealed by its manifest.

====================  =============================================================
``encoder.onnx``      int8 encoder, ``input_ids`` -> ``general``, ``ticket``
``tokenizer.json``    its tokenizer
``heads.npz``         feature spaces and heads, plain arrays without pickles
``manifest.json``     format version, files with size and SHA-256, targets, versions
====================  =============================================================

The bundle id is the hash of the manifest's other content, and the manifest holds the hashes of
the files: whoever changes one byte of a bundle changes its id or breaks it.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticket_classifier.cleaning import CLEANING_VERSION
from ticket_classifier.encoder import JOINED_DIMENSIONS, TicketTokenizer
from ticket_classifier.errors import (
    BundleFormatError,
    BundleMismatchError,
    BundleMissingError,
    BundleTamperedError,
)
from ticket_classifier.features import BUCKET_BITS, BUCKETS, FeatureSpace
from ticket_classifier.heads import Head

__all__ = [
    "ENCODER_FILE",
    "FORMAT_VERSION",
    "HEADS_FILE",
    "MANIFEST_FILE",
    "TAUGHT_BY",
    "TOKENIZER_FILE",
    "BundleFiles",
    "Manifest",
    "Scope",
    "TargetManifest",
    "bundle_id_of",
    "describe_file",
    "read_bundle",
    "read_heads",
]

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
ENCODER_FILE = "encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"
HEADS_FILE = "heads.npz"
TAUGHT_BY = "taught_by"  # in heads.npz, of bundles trained on tickets of one's own
_FILES = frozenset({ENCODER_FILE, TOKENIZER_FILE, HEADS_FILE})
_ID_LENGTH = 12
_LONGEST_MANIFEST = 16 << 20
_LONGEST_FILE = 1 << 30
_LARGEST_HEADS = 512 << 20


@dataclass(frozen=True, slots=True)
class TargetManifest:
    """What the manifest says of one target.

    Attributes:
        labels: Label names in the order of the head's columns.
        threshold: Probability below which the classifier abstains.
        space: Name of the feature space its head was trained in.
        metrics: Figures measured in training, for reports; the classifier does not use them.
    """

    labels: tuple[str, ...]
    threshold: float
    space: str
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """Bounds within which a text counts as what the bundle was trained for.

    Attributes:
        space: The feature space whose n-grams are the known ones.
        known_share: Least share of a text's n-grams that must be known.
        unknown_pieces: Greatest share of pieces the tokenizer may not know.
    """

    space: str
    known_share: float
    unknown_pieces: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """A verified manifest.

    Attributes:
        bundle_id: Twelve hexadecimal digits, derived from everything else in it.
        targets: The targets by name.
        scope: When to abstain from everything.
        encoder: Name and origin of the encoder.
        raw: The whole manifest as read.
    """

    bundle_id: str
    targets: Mapping[str, TargetManifest]
    scope: Scope
    encoder: Mapping[str, Any]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """A verified bundle in memory: what was hashed is what will be used.

    `taught_by` holds the fingerprints of the texts it was trained on, where the training kept them.
    """

    manifest: Manifest
    encoder: bytes
    tokenizer: TicketTokenizer
    heads: Mapping[str, Head]
    spaces: Mapping[str, FeatureSpace]
    taught_by: frozenset[int] = frozenset()


def read_bundle(bundle: Path) -> BundleFiles:
    """Read and verify a whole bundle.

    Raises:
        BundleMissingError: The folder or a file is not there or not readable.
        BundleTamperedError: A file has another size or SHA-256 than the manifest says, or the
            manifest itself was edited.
        BundleFormatError: The manifest, the heads or the tokenizer are broken, or the manifest is
            of another format version.
        BundleMismatchError: The files do not belong together, or not to this version.
    """
    manifest = _read_manifest(bundle)
    with ThreadPoolExecutor(1) as pool:
        # Four fifths of the bytes are read and hashed beside the rest: it takes no interpreter.
        encoder = pool.submit(_read_verified, bundle, ENCODER_FILE, manifest)
        heads_file = _read_verified(bundle, HEADS_FILE, manifest)
        spaces, heads, taught_by = read_heads(bundle, heads_file, manifest)
        tokenizer_file = _read_verified(bundle, TOKENIZER_FILE, manifest)
        return BundleFiles(
            manifest=manifest,
            tokenizer=TicketTokenizer(tokenizer_file, bundle=bundle, file=TOKENIZER_FILE),
            heads=heads,
            spaces=spaces,
            taught_by=taught_by,
            encoder=encoder.result(),
        )


def bundle_id_of(manifest: Mapping[str, Any]) -> str:
    """The id that a manifest's content (without its id) gives."""
    content = {key: value for key, value in manifest.items() if key != "bundle_id"}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_ID_LENGTH]


def describe_file(content: bytes) -> dict[str, Any]:
    """A file's entry in the manifest: its size in bytes and its SHA-256."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


# --- manifest ---------------------------------------------------------------------------------


def _read(bundle: Path, file: str, longest: int) -> bytes:
    """Return a file's content, or the beginning of one that is longer than `longest`."""
    try:
        with (bundle / file).open("rb") as stream:
            return stream.read(longest + 1)
    except OSError as error:
        problem = "cannot be read" if (bundle / file).exists() else "is missing"
        raise BundleMissingError(bundle, file, problem) from error


def _read_manifest(bundle: Path) -> Manifest:
    content = _read(bundle, MANIFEST_FILE, _LONGEST_MANIFEST)
    try:
        raw = json.loads(content)
        version = raw["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleFormatError(bundle, MANIFEST_FILE, "is not a bundle's manifest") from error
    if version != FORMAT_VERSION:
        problem = f"has format version {version!r}, this version reads {FORMAT_VERSION}"
        raise BundleFormatError(bundle, MANIFEST_FILE, problem)
    if raw.get("bundle_id") != bundle_id_of(raw):
        problem = "was edited: its content does not give its bundle id"
        raise BundleTamperedError(bundle, MANIFEST_FILE, problem)
    try:
        manifest = _parse_manifest(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = "lacks an entry, or an entry is of the wrong type"
        raise BundleFormatError(bundle, MANIFEST_FILE, problem) from error
    _check_versions(bundle, raw)
    return manifest


def _parse_manifest(raw: dict[str, Any]) -> Manifest:
    targets = {
        str(name): TargetManifest(
            labels=tuple(map(str, entry["labels"])),
            threshold=float(entry["threshold"]),
            space=str(entry["space"]),
            metrics=dict(entry["metrics"]),
        )
        for name, entry in raw["targets"].items()
    }
    if not targets or any(len(target.labels) < 2 for target in targets.values()):
        raise ValueError("a bundle needs targets, and a target labels to choose from")
    scope = Scope(
        space=str(raw["scope"]["space"]),
        known_share=float(raw["scope"]["known_share"]),
        unknown_pieces=float(raw["scope"]["unknown_pieces"]),
    )
    return Manifest(raw["bundle_id"], targets, scope, dict(raw["encoder"]), raw)


def _check_versions(bundle: Path, raw: Mapping[str, Any]) -> None:
    expected = {"cleaning_version": CLEANING_VERSION, "bucket_bits": BUCKET_BITS}
    for key, value in expected.items():
        if raw.get(key) != value:
            problem = f"was trained with {key} {raw.get(key)!r}, this version has {value}"
            raise BundleMismatchError(bundle, MANIFEST_FILE, problem)
    files = raw.get("files")
    if not isinstance(files, dict) or set(files) != _FILES:
        raise BundleMismatchError(bundle, MANIFEST_FILE, f"must list {', '.join(sorted(_FILES))}")


def _read_verified(bundle: Path, file: str, manifest: Manifest) -> bytes:
    expected = manifest.raw["files"][file]
    size = expected.get("bytes") if isinstance(expected, dict) else None
    if not isinstance(size, int) or not 0 <= size <= _LONGEST_FILE:
        problem = f"gives {file} no size from 0 to {_LONGEST_FILE} bytes"
        raise BundleFormatError(bundle, MANIFEST_FILE, problem)
    content = _read(bundle, file, size)
    if len(content) != size:
        found = f"more than {size}" if len(content) > size else f"{len(content)}"
        problem = f"has {found} bytes instead of {size}"
        raise BundleTamperedError(bundle, file, problem)
    if describe_file(content) != expected:
        raise BundleTamperedError(bundle, file, "has another SHA-256 than the manifest says")
    return content


# --- heads ------------------------------------------------------------------------------------


def read_heads(
    bundle: Path, content: bytes, manifest: Manifest
) -> tuple[dict[str, FeatureSpace], dict[str, Head], frozenset[int]]:
    """Spaces, heads and fingerprints from the bytes of ``heads.npz``, checked by the manifest.

    Raises:
        BundleFormatError: Not an archive of plain arrays, or one that unpacks to more than
            `_LARGEST_HEADS` bytes.
        BundleMismatchError: An array is missing, or its shape does not fit the targets.
    """
    try:
        arrays = _unpack(content)
    except Exception as error:  # archives that lie make zipfile and numpy raise many kinds
        raise BundleFormatError(bundle, HEADS_FILE, "is not an archive of arrays") from error
    reader = _ArrayReader(bundle, arrays)
    names = {target.space for target in manifest.targets.values()} | {manifest.scope.space}
    spaces = {name: reader.space(name) for name in sorted(names)}
    heads = {
        name: reader.head(name, target, len(spaces[target.space].buckets))
        for name, target in manifest.targets.items()
    }
    return spaces, heads, reader.taught_by()


def _unpack(content: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(entry.file_size for entry in packed.infolist()) > _LARGEST_HEADS:
            raise ValueError("the archive unpacks to too much")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


class _ArrayReader:
    """Takes arrays out of ``heads.npz`` by name, type and shape."""

    def __init__(self, bundle: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._bundle = bundle
        self._arrays = arrays

    def space(self, name: str) -> FeatureSpace:
        buckets = self._take(f"space/{name}/buckets", np.dtype(np.uint32), (None,))
        if len(buckets) and (int(buckets.max()) >= BUCKETS or np.any(np.diff(buckets) <= 0)):
            raise self._mismatch(f"space/{name}/buckets", "are not sorted bucket numbers")
        floats = np.dtype(np.float32)
        return FeatureSpace(
            buckets=buckets,
            idf=self._take(f"space/{name}/idf", floats, (len(buckets),)),
            mean=self._take(f"space/{name}/mean", floats, (JOINED_DIMENSIONS,)),
            scale=self._take(f"space/{name}/scale", floats, (JOINED_DIMENSIONS,)),
        )

    def head(self, name: str, target: TargetManifest, features: int) -> Head:
        labels = len(target.labels)
        floats = np.dtype(np.float32)
        return Head(
            labels=target.labels,
            sparse=self._take(f"head/{name}/sparse", np.dtype(np.float16), (features, labels)),
            dense=self._take(f"head/{name}/dense", floats, (JOINED_DIMENSIONS, labels)),
            bias=self._take(f"head/{name}/bias", floats, (labels,)),
            threshold=target.threshold,
        )

    def taught_by(self) -> frozenset[int]:
        if TAUGHT_BY not in self._arrays:
            return frozenset()
        return frozenset(self._take(TAUGHT_BY, np.dtype(np.uint32), (None,)).tolist())

    def _take(self, name: str, kind: np.dtype[Any], shape: tuple[int | None, ...]) -> NDArray[Any]:
        array = self._arrays.get(name)
        if array is None:
            raise self._mismatch(name, "is missing")
        fits = array.ndim == len(shape) and all(
            wanted in {None, found} for wanted, found in zip(shape, array.shape, strict=False)
        )
        if array.dtype != kind or not fits:
            raise self._mismatch(name, f"is {array.dtype} {array.shape} instead of {kind} {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self._mismatch(name, "holds values that are not finite")
        return array

    def _mismatch(self, name: str, problem: str) -> BundleMismatchError:
        return BundleMismatchError(self._bundle, HEADS_FILE, f"array {name} {problem}")
