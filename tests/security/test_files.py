"""Files we are told to read: bundles, configuration, secrets. None leads out, blows up or leaks."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from otai_freshdesk.config.errors import ConfigFileError, SecretError
from otai_freshdesk.config.overlay import open_overlay
from otai_freshdesk.config.secrets import MAX_SECRET_FILE, Secret
from otai_freshdesk.config.settings import load_settings, parse_settings
from ticket_classifier import BundleError, BundleFormatError, BundleTamperedError, load
from ticket_classifier.bundle import bundle_id_of, describe_file
from ticket_classifier.encoder import DIMENSIONS
from unit.classifier.tiny import write_tiny_bundle

MINIMAL = b'open_ticket_ai: {triage: {from: "2026-11-01T00:00:00Z"}}'


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("intact") / "bundle")


@pytest.fixture
def bundle(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "bundle"))


def seal(bundle: Path, **files: Any) -> None:
    """Write the manifest anew, as somebody would who may write to the folder."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    for name in manifest["files"]:
        manifest["files"][name] = describe_file((bundle / name).read_bytes())
    manifest["files"] |= files
    manifest["bundle_id"] = bundle_id_of(manifest)
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


class TestManifest:
    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "encoder.onnx/../x", ""])
    def test_it_names_no_file_but_the_three(self, bundle: Path, name: str) -> None:
        seal(bundle, **{name: describe_file(b"")})

        with pytest.raises(BundleError, match="must list"):
            load(bundle)

    @pytest.mark.parametrize("size", [-1, 10**18, "9", None, 1.5])
    def test_a_size_that_no_file_has_is_refused_before_the_file_is_read(
        self, bundle: Path, size: object
    ) -> None:
        (bundle / "heads.npz").unlink()
        (bundle / "heads.npz").symlink_to("/dev/zero")
        manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        manifest["files"]["heads.npz"]["bytes"] = size
        manifest["bundle_id"] = bundle_id_of(manifest)
        (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

        with pytest.raises(BundleFormatError, match="no size"):
            load(bundle)

    def test_a_file_without_end_is_read_no_further_than_its_size(self, bundle: Path) -> None:
        (bundle / "heads.npz").unlink()
        (bundle / "heads.npz").symlink_to("/dev/zero")

        with pytest.raises(BundleTamperedError, match="more than"):
            load(bundle)

    def test_nor_is_a_manifest_without_end(self, bundle: Path) -> None:
        (bundle / "manifest.json").unlink()
        (bundle / "manifest.json").symlink_to("/dev/zero")

        with pytest.raises(BundleFormatError):
            load(bundle)


def array_file(header: str) -> bytes:
    """Return an .npy file whose header says `header`, and that holds nothing else."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text


def heads_of(member: bytes, name: str = "space/own/buckets.npy") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, member)
    return file.getvalue()


SHAPE = "{{'descr': '<u4', 'fortran_order': False, 'shape': {}}}"


@pytest.mark.parametrize(
    "content",
    [
        heads_of(array_file(SHAPE.format("(2**70,)"))),
        heads_of(array_file(SHAPE.format((1 << 62,)))),
        heads_of(array_file(SHAPE.format((1 << 48,)))),
        heads_of(array_file(SHAPE.format((-5,)))),
        heads_of(array_file("{'descr': '<u4', " + " " * 1_000_000 + "}")),
        heads_of(array_file("(" * 9000)),
        heads_of(array_file("__import__('os').system('true')")),
        heads_of(array_file(SHAPE.format((1,))), "../../evil.npy"),
        heads_of(b"")[:-8],
    ],
    ids=["power", "2^62", "2^48", "negative", "long", "nested", "code", "traversal", "cut"],
)
def test_heads_that_claim_too_much(bundle: Path, content: bytes) -> None:
    (bundle / "heads.npz").write_bytes(content)
    seal(bundle)

    with pytest.raises(BundleError, match=r"heads\.npz"):
        load(bundle)
    assert not (bundle.parent / "evil.npy").exists()


def test_a_zip_bomb_is_not_unpacked(bundle: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2):
            archive.writestr(f"{number}.npy", bytes(1 << 20))
            archive.infolist()[-1].file_size = 300 << 20  # as a real one would say
    (bundle / "heads.npz").write_bytes(file.getvalue())
    seal(bundle)

    with pytest.raises(BundleFormatError) as caught:
        load(bundle)
    assert "too much" in str(caught.value.__cause__)


def encoder(nodes: list[onnx.NodeProto], *initialisers: TensorProto) -> bytes:
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("general", "ticket")],
        list(initialisers),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


SAME = helper.make_node("Identity", ["general"], ["ticket"])


class TestEncoder:
    @pytest.mark.parametrize(
        "shape", [[10**12], [1 << 62], [10**9, DIMENSIONS], [1, DIMENSIONS - 1], [2, DIMENSIONS]]
    )
    def test_tensors_of_another_size_than_ours(self, bundle: Path, shape: list[int]) -> None:
        size = numpy_helper.from_array(np.array(shape, np.int64), "size")
        node = helper.make_node("ConstantOfShape", ["size"], ["general"])
        (bundle / "encoder.onnx").write_bytes(encoder([node, SAME], size))
        seal(bundle)

        with pytest.raises(BundleFormatError, match=r"encoder\.onnx: (cannot be run|is not)"):
            load(bundle)

    @pytest.mark.parametrize("way", ["beside", "above", "absolute", "linked"])
    def test_weights_come_from_the_bundle_alone(
        self, bundle: Path, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        """ONNX Runtime would read them past the manifest's hashes, from any folder."""
        monkeypatch.chdir(bundle)
        weights = np.ones((4, DIMENSIONS), np.float32).tobytes()
        places = {
            "beside": bundle / "weights",
            "above": bundle.parent / "weights",
            "absolute": bundle / "weights",
            "linked": bundle / "weights",
        }
        places[way].write_bytes(weights)
        names = {"above": "../weights", "absolute": str(places[way])}
        if way == "linked":
            places[way].rename(bundle.parent / "kept")
            places[way].symlink_to(bundle.parent / "kept")
        table = TensorProto(
            name="table",
            dims=[4, DIMENSIONS],
            data_type=TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
        )
        table.external_data.add(key="location", value=names.get(way, "weights"))
        nodes = [
            helper.make_node("Gather", ["table", "input_ids"], ["states"]),
            helper.make_node("ReduceMean", ["states"], ["general"], axes=[1], keepdims=0),
            SAME,
        ]
        (bundle / "encoder.onnx").write_bytes(encoder(nodes, table))
        seal(bundle)

        with pytest.raises(BundleFormatError, match=r"encoder\.onnx"):
            load(bundle)


class TestConfiguration:
    @pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", "/etc", "/etc/shadow/x"])
    def test_no_file_keeps_us_busy(self, path: str) -> None:
        with pytest.raises(ConfigFileError):
            load_settings(Path(path), {})

    @pytest.mark.parametrize(
        "text",
        [
            "{a: &a [x, x], b: [*a, *a]}",
            "&a [*a]",
            "{<<: &a {b: 1}, c: *a}",
            "[" * 100_000,
            "{a: " * 50_000,
            "a: " + "9" * 200_000,
            "? " * 60_000,
            "- " * 60_000,
            "!!binary " + "A" * 200_000,
            "!!python/name:os.system",
            "!!timestamp 99999-99-99",
            "%TAG ! tag:evil.example,2026:\n--- !x 1",
            "0x" + "f" * 100_000,
            "1:" * 50_000 + "1",
        ],
        ids=range(14),
    )
    def test_no_text_of_it_takes_long_or_much(self, text: str) -> None:
        with pytest.raises(ConfigFileError) as caught:
            parse_settings(text.encode(), {})
        assert len(str(caught.value)) < 1000

    def test_a_key_of_its_own_weight_is_refused(self) -> None:
        padding = b"\n#" + b"x" * (256 * 1024)
        with pytest.raises(ConfigFileError, match="larger"):
            parse_settings(MINIMAL + padding, {})


class TestReferences:
    """`file:` reads what the process may read; what it reads there is repeated nowhere."""

    @pytest.mark.parametrize("path", ["/dev/zero", "/etc", "/proc/self/mem", "nowhere"])
    def test_a_secret_that_is_no_file_of_ours(self, path: str) -> None:
        with pytest.raises(SecretError):
            Secret(f"file:{path}").get()

    def test_what_stands_in_the_wrong_file_is_not_told(self, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_bytes(b"planted-text \xff planted-text")
        with pytest.raises(SecretError) as caught:
            Secret(f"file:{wrong}").get()
        assert "planted" not in f"{caught.value!r}{caught.value.__cause__!r}"

        wrong.write_text("planted-text\n" * MAX_SECRET_FILE)
        with pytest.raises(SecretError) as caught:
            Secret(f"file:{wrong}").get()
        assert "planted" not in str(caught.value)

    @pytest.mark.parametrize(
        "text", ["planted-text", '{"mode": "planted-text"}', '{"planted-text": 1}']
    )
    def test_a_switch_in_the_wrong_file_is_not_told_and_means_off(
        self, tmp_path: Path, text: str
    ) -> None:
        place = tmp_path / "switch"
        place.write_text(text)
        said: list[str] = []

        settings = open_overlay(f"file:{place}", said.append).over(parse_settings(MINIMAL, {}))

        assert settings.triage.mode == "off"
        assert said
        assert "planted" not in "".join(said)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_we_may_not_read(self, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.touch(mode=0)
        with pytest.raises(SecretError, match="PermissionError"):
            Secret(f"file:{closed}").get()
