"""What is wrong with a bundle has a name, at load."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ticket_classifier import (
    BundleError,
    BundleFormatError,
    BundleMismatchError,
    BundleMissingError,
    BundleTamperedError,
    errors,
    load,
)
from ticket_classifier.bundle import bundle_id_of, describe_file
from unit.classifier.tiny import tiny_content, tiny_encoder, write_tiny_bundle

FILES = ["encoder.onnx", "tokenizer.json", "heads.npz", "manifest.json"]


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def reseal(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit a manifest and give it the id and file hashes that fit again."""
    file = bundle / "manifest.json"
    manifest = json.loads(file.read_text())
    for name in manifest["files"]:
        manifest["files"][name] = describe_file((bundle / name).read_bytes())
    change(manifest)
    manifest["bundle_id"] = bundle_id_of(manifest)
    file.write_text(json.dumps(manifest))


def test_intact_bundle_loads_with_its_id_and_targets(tiny_bundle: Path) -> None:
    classifier = load(tiny_bundle)
    assert classifier.targets == {"queue": ("refunds", "access")}
    assert (
        classifier.bundle_id == json.loads((tiny_bundle / "manifest.json").read_text())["bundle_id"]
    )


def test_same_content_gives_the_same_id_and_bytes(tiny_bundle: Path, tmp_path: Path) -> None:
    again = write_tiny_bundle(tmp_path / "again")
    for file in FILES:
        assert (again / file).read_bytes() == (tiny_bundle / file).read_bytes()


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleMissingError, match=r"manifest\.json: is missing"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("file", FILES)
def test_missing_file_is_named(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    with pytest.raises(BundleMissingError) as caught:
        load(bundle)
    assert caught.value.file == file
    assert caught.value.bundle == bundle


@pytest.mark.parametrize("file", FILES[:3])
def test_truncated_file_is_named(bundle: Path, file: str) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content[:-1])
    with pytest.raises(BundleTamperedError, match="bytes instead of") as caught:
        load(bundle)
    assert caught.value.file == file


@pytest.mark.parametrize("file", FILES[:3])
def test_one_flipped_bit_is_found(bundle: Path, file: str) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    with pytest.raises(BundleTamperedError, match="SHA-256") as caught:
        load(bundle)
    assert caught.value.file == file


def test_edited_threshold_is_found(bundle: Path) -> None:
    text = (bundle / "manifest.json").read_text()
    (bundle / "manifest.json").write_text(text.replace('"threshold": 0.8', '"threshold": 0.1'))
    with pytest.raises(BundleTamperedError, match="use the configuration"):
        load(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_broken_manifest(bundle: Path, content: bytes) -> None:
    (bundle / "manifest.json").write_bytes(content)
    with pytest.raises(BundleFormatError):
        load(bundle)


def test_manifest_of_the_future(bundle: Path) -> None:
    reseal(bundle, lambda manifest: manifest.update(format_version=99))
    with pytest.raises(BundleFormatError, match="format version 99"):
        load(bundle)


@pytest.mark.parametrize("key", ["targets", "scope", "encoder"])
def test_manifest_without_an_entry(bundle: Path, key: str) -> None:
    def drop(manifest: dict[str, Any]) -> None:
        del manifest[key]

    reseal(bundle, drop)
    with pytest.raises(BundleFormatError, match="lacks an entry"):
        load(bundle)


@pytest.mark.parametrize("key", ["cleaning_version", "bucket_bits"])
def test_bundle_of_another_version_of_the_software(bundle: Path, key: str) -> None:
    reseal(bundle, lambda manifest: manifest.update({key: -1}))
    with pytest.raises(BundleMismatchError, match="Train the bundle again"):
        load(bundle)


def test_unknown_file_in_the_manifest(bundle: Path) -> None:
    (bundle / "other").write_bytes(b"x")
    reseal(bundle, lambda manifest: manifest["files"].update(other=describe_file(b"x")))
    with pytest.raises(BundleMismatchError, match="must list"):
        load(bundle)


def test_labels_that_do_not_fit_the_heads(bundle: Path) -> None:
    reseal(bundle, lambda manifest: manifest["targets"]["queue"]["labels"].append("third"))
    with pytest.raises(BundleMismatchError, match="head/queue/sparse"):
        load(bundle)


def test_target_without_a_head(bundle: Path) -> None:
    def add(manifest: dict[str, Any]) -> None:
        manifest["targets"]["type"] = manifest["targets"]["queue"]

    reseal(bundle, add)
    with pytest.raises(BundleMismatchError, match=r"head/type/sparse is missing"):
        load(bundle)


def test_heads_with_pickled_objects_are_refused(bundle: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **{"space/own/buckets": np.array([{}], dtype=object)})
    (bundle / "heads.npz").write_bytes(buffer.getvalue())
    reseal(bundle, lambda _: None)
    with pytest.raises(BundleFormatError, match=r"heads\.npz"):
        load(bundle)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("space/own/buckets", np.array([5, 5], np.uint32), "sorted"),
        ("space/own/idf", np.zeros(3, np.float64), "instead of"),
        ("head/queue/bias", np.array([np.nan, 0], np.float32), "not finite"),
    ],
)
def test_arrays_of_the_wrong_kind(
    bundle: Path, name: str, value: np.ndarray[Any, Any], problem: str
) -> None:
    with np.load(bundle / "heads.npz") as archive:
        arrays = {**{key: archive[key] for key in archive.files}, name: value}
    np.savez(bundle / "heads.npz", **arrays)
    reseal(bundle, lambda _: None)
    with pytest.raises(BundleMismatchError, match=problem):
        load(bundle)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100])
def test_encoder_that_is_no_model(bundle: Path, content: bytes) -> None:
    (bundle / "encoder.onnx").write_bytes(content)
    reseal(bundle, lambda _: None)
    with pytest.raises(BundleFormatError, match=r"encoder\.onnx"):
        load(bundle)


def test_encoder_with_other_outputs(tmp_path: Path) -> None:
    files = {**tiny_content().files, "encoder.onnx": tiny_encoder(ticket_output="pooled")}
    bundle = write_tiny_bundle(tmp_path / "bundle", files=files)
    with pytest.raises(BundleMismatchError, match="input_ids -> general, ticket"):
        load(bundle)


def test_tokenizer_that_is_none(bundle: Path) -> None:
    (bundle / "tokenizer.json").write_bytes(b"{}")
    reseal(bundle, lambda _: None)
    with pytest.raises(BundleFormatError, match=r"tokenizer\.json"):
        load(bundle)


def test_tokenizer_without_special_pieces(bundle: Path) -> None:
    text = (bundle / "tokenizer.json").read_text().replace('"<s>"', '"<x>"')
    (bundle / "tokenizer.json").write_text(text)
    reseal(bundle, lambda _: None)
    with pytest.raises(BundleMismatchError, match="no piece <s>"):
        load(bundle)


def test_the_hierarchy_drawn_in_the_docstring_is_the_real_one() -> None:
    subclasses = {error.__name__ for error in BundleError.__subclasses__()}
    assert subclasses | {"BundleError"} == set(errors.__all__)
    assert all(name in (errors.__doc__ or "") for name in errors.__all__)
    assert not BundleError.retryable
