"""Writes bundles: complete in a temporary folder first, then put in place by renaming."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier_training.errors import OutputFolderError
from ticket_classifier import CLEANING_VERSION
from ticket_classifier.bundle import (
    ENCODER_FILE,
    FORMAT_VERSION,
    HEADS_FILE,
    MANIFEST_FILE,
    TAUGHT_BY,
    TOKENIZER_FILE,
    Scope,
    bundle_id_of,
    describe_file,
)
from ticket_classifier.features import BUCKET_BITS, FeatureSpace
from ticket_classifier.heads import Head

__all__ = ["BundleContent", "check_output", "put_in_place", "write_bundle"]

REPORT_FILE = "report.json"
_BUNDLE_FILES = {ENCODER_FILE, TOKENIZER_FILE, HEADS_FILE, MANIFEST_FILE, REPORT_FILE}


@dataclass(frozen=True, slots=True)
class BundleContent:
    """All that goes into a bundle.

    Attributes:
        files: Encoder and tokenizer by file name.
        spaces: Feature spaces by name.
        heads: Heads by target.
        space_of: Name of each target's feature space.
        metrics: Figures by target.
        scope: When to abstain from everything.
        encoder: Name and origin of the encoder.
        trained_with: Versions of what trained it.
        taught_by: Fingerprints of the texts it was trained on, uint32, sorted; empty to keep none.
    """

    files: Mapping[str, bytes]
    spaces: Mapping[str, FeatureSpace]
    heads: Mapping[str, Head]
    space_of: Mapping[str, str]
    metrics: Mapping[str, Mapping[str, Any]]
    scope: Scope
    encoder: Mapping[str, Any]
    trained_with: Mapping[str, str]
    taught_by: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))


def check_output(output: Path) -> None:
    """Make sure that writing to `output` destroys nothing but an older bundle.

    Raises:
        OutputFolderError: It is a file, or a folder with other files than a bundle's.
    """
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputFolderError(output.parent, output.name)
    for entry in sorted(output.iterdir()):
        if entry.name not in _BUNDLE_FILES:
            raise OutputFolderError(output, entry.name)


def write_bundle(output: Path, content: BundleContent) -> str:
    """Write a bundle and return its id.

    All files are complete before the folder appears; an older bundle there is replaced. A run
    that is interrupted leaves the old bundle, or none.

    Raises:
        OutputFolderError: `output` holds something that is no bundle.
    """
    check_output(output)
    heads = _heads_archive(content)
    files = {**content.files, HEADS_FILE: heads}
    manifest = _manifest(content, files)
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        for name, data in {**files, MANIFEST_FILE: text.encode()}.items():
            (fresh / name).write_bytes(data)
        put_in_place(fresh, output)
    return str(manifest["bundle_id"])


def put_in_place(fresh: Path, output: Path) -> None:
    """Rename a complete bundle to `output`, so that there is one at every moment but an instant.

    Args:
        fresh: The new bundle, in a scratch folder on the same file system; its sibling ``old``
            takes the older bundle until that is deleted.
        output: Where it goes; an older bundle there is replaced.

    Raises:
        OSError: It cannot be renamed; the older bundle is in its place again.
    """
    if not output.exists():
        fresh.rename(output)
        return
    old = fresh.parent / "old"
    try:
        output.rename(old)
        fresh.rename(output)
    except BaseException:
        if old.exists() and not output.exists():
            old.rename(output)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_report(bundle: Path, text: str) -> None:
    """Put a report beside the bundle's files, by renaming."""
    part = bundle / f".{REPORT_FILE}"
    part.write_text(text, encoding="utf-8")
    part.replace(bundle / REPORT_FILE)


def _heads_archive(content: BundleContent) -> bytes:
    arrays: dict[str, Any] = {}
    for name, space in content.spaces.items():
        arrays[f"space/{name}/buckets"] = space.buckets
        arrays[f"space/{name}/idf"] = space.idf
        arrays[f"space/{name}/mean"] = space.mean
        arrays[f"space/{name}/scale"] = space.scale
    for name, head in content.heads.items():
        arrays[f"head/{name}/sparse"] = head.sparse
        arrays[f"head/{name}/dense"] = head.dense
        arrays[f"head/{name}/bias"] = head.bias
    if len(content.taught_by):
        arrays[TAUGHT_BY] = content.taught_by
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _manifest(content: BundleContent, files: Mapping[str, bytes]) -> dict[str, Any]:
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "cleaning_version": CLEANING_VERSION,
        "bucket_bits": BUCKET_BITS,
        "encoder": dict(content.encoder),
        "files": {name: describe_file(data) for name, data in sorted(files.items())},
        "targets": {
            name: {
                "labels": list(head.labels),
                "threshold": head.threshold,
                "space": content.space_of[name],
                "metrics": dict(content.metrics[name]),
            }
            for name, head in content.heads.items()
        },
        "scope": {
            "space": content.scope.space,
            "known_share": content.scope.known_share,
            "unknown_pieces": content.scope.unknown_pieces,
        },
        "trained_with": dict(content.trained_with),
    }
    return {"bundle_id": bundle_id_of(manifest), **manifest}
