"""The encoder build: rows, vocabulary, weights and graph, on small data made here."""

import json
import struct
from collections.abc import Mapping
from math import erf
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy
import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from classifier_training.encoder import graph, side, vocabulary
from classifier_training.encoder.dequantise import average, dequantise
from classifier_training.encoder.errors import (
    DifferentEncodersError,
    MissingInputError,
    WeightsFormatError,
)
from classifier_training.encoder.rows import (
    Row,
    choose_calibration,
    near_duplicate_groups,
    read_rows,
)
from ticket_classifier.encoder import MAX_PIECES

type Array = np.ndarray[Any, Any]

LABELS = ("billing_payments", "Question", "Low", "neutral", "en")
HIDDEN, WIDE, LAYERS = 96, 48, 12


def row(text: str) -> Row:
    return Row(subject="", body=text, labels=LABELS)


def rows(count: int) -> list[Row]:
    return [row(" ".join(f"w{number}x{word}" for word in range(9))) for number in range(count)]


def line(body: str, **changes: str) -> str:
    names = ("queue", "type", "priority", "sentiment", "language")
    labels = dict(zip(names, LABELS, strict=True))
    return json.dumps({"subject": "", "body": body, **labels, **changes}) + "\n"


def test_rows_of_the_test_split_and_broken_rows_are_never_read(tmp_path: Path) -> None:
    good = line("kept")
    (tmp_path / "a.jsonl").write_text(good + good + "{broken\n" + line("x", queue="unheard_of"))
    (tmp_path / "test.jsonl").write_text(line("of the test split"))

    assert [read.body for read in read_rows(tmp_path)] == ["kept"]


def test_a_folder_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_rows(tmp_path)


def test_near_duplicates_share_a_group() -> None:
    one = row("my router blinks red since this morning and nothing works any more")
    two = row("my router blinks red since this morning and nothing works, help")
    other = row("could you send me the invoice of March once again please thank you")

    groups = near_duplicate_groups([one, other, two])

    assert sorted(len(group) for group in groups) == [1, 2]


def test_rows_held_back_stay_so_when_rows_are_added() -> None:
    before = choose_calibration(rows(100))
    after = choose_calibration(rows(200), before)

    assert len(before) == 11
    assert set(before) < set(after)
    assert len(after) == 22


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    assert choose_calibration(rows(60)) == choose_calibration(rows(60)[::-1])


def tokenizer_file(folder: Path) -> Path:
    vocab = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    vocab += [
        [piece, -float(number)] for number, piece in enumerate(["ab", "a", "b", "<", "s", ">"], 1)
    ]
    config = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": 0,
                "content": "<s>",
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            },
        ],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab},
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(config))
    return path


def test_a_trimmed_tokenizer_falls_back_to_shorter_pieces(tmp_path: Path) -> None:
    word = np.arange(20, dtype=np.float32).reshape(10, 2)
    kept = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "<", "s", ">"]

    config, trimmed = vocabulary.trim(tokenizer_file(tmp_path), word, kept)

    tokenizer = Tokenizer.from_str(config)
    assert tokenizer.encode("ab").tokens == ["a", "b"]
    assert trimmed[tokenizer.token_to_id("b")].tolist() == word[6].tolist()


def test_special_pieces_cannot_be_typed(tmp_path: Path) -> None:
    kept = ["<s>", "<pad>", "</s>", "<unk>", "ab", "a", "b", "<", "s", ">"]

    config, _ = vocabulary.trim(tokenizer_file(tmp_path), np.zeros((10, 2), np.float32), kept)

    assert Tokenizer.from_str(config).encode("<s>").tokens == ["<", "s", ">"]


def test_pieces_survive_the_file(tmp_path: Path) -> None:
    vocabulary.save_pieces(["<s>", "\u2581a", "\u00e9"], tmp_path / "pieces")

    assert vocabulary.load_pieces(tmp_path / "pieces") == ["<s>", "\u2581a", "\u00e9"]


def test_what_tickets_and_word_lists_use_is_kept(tmp_path: Path) -> None:
    for name in vocabulary.WORD_LISTS:
        (tmp_path / name).write_text("b\n", encoding="utf-8")
    path = tokenizer_file(tmp_path)
    vocab = json.loads(path.read_text())
    vocab["model"]["vocab"] += [["bb", -1.0], ["aa", -1.0]]
    path.write_text(json.dumps(vocab))

    kept = vocabulary.choose(path, tmp_path, ["ab aa"])

    assert {"<s>", "<pad>", "</s>", "<unk>", "ab", "aa", "b", "<"} < set(kept)
    assert "bb" not in kept


@given(
    st.lists(st.integers(-8, 7), min_size=graph.BLOCK, max_size=graph.BLOCK).filter(
        lambda block: -8 in block
    ),
    st.floats(-2, 2, width=16),
)
def test_embeddings_that_had_four_bits_come_back_as_they_were(
    block: list[int], scale: float
) -> None:
    table = (np.array([block], np.float32)) * np.float32(scale)

    values, scales = graph.quantise_blocks(table)

    np.testing.assert_array_equal(values * np.repeat(scales.astype(np.float32), graph.BLOCK), table)


@given(
    hypothesis.extra.numpy.arrays(
        np.float32, (2, 2 * graph.BLOCK), elements=st.floats(-4, 4, width=32)
    )
)
def test_other_embeddings_come_back_nearly(table: Array) -> None:
    values, scales = graph.quantise_blocks(table)

    back = values * np.repeat(scales.astype(np.float32), graph.BLOCK, axis=1)
    furthest = np.abs(table).reshape(2, 2, -1).max(axis=2).repeat(graph.BLOCK, axis=1)
    assert (np.abs(back - table) <= furthest / 7 + 1e-6).all()


def weights(seed: int = 7) -> dict[str, Array]:
    draw = np.random.default_rng(seed)

    def normal(*shape: int) -> Array:
        return draw.normal(0, 0.2, shape).astype(np.float32)

    nibbles = draw.integers(-8, 8, (50, HIDDEN)).astype(np.float32)
    nibbles[:, :: graph.BLOCK] = -8  # as every block of the published weights has it
    made = {"word": nibbles / np.float32(32), "position": normal(32, HIDDEN)}
    made |= {"norm.weight": 1 + normal(HIDDEN), "norm.bias": normal(HIDDEN)}
    sizes = dict.fromkeys(("query", "key", "value", "attention_output"), (HIDDEN, HIDDEN))
    sizes |= {"wide": (WIDE, HIDDEN), "narrow": (HIDDEN, WIDE)}
    for prefix in (*(f"{layer}." for layer in range(LAYERS)), side.PREFIX):
        for name, (rows_, columns) in sizes.items():
            made[f"{prefix}{name}.weight"] = normal(rows_, columns)
            made[f"{prefix}{name}.bias"] = normal(rows_)
        for name in ("attention_norm", "output_norm"):
            made[f"{prefix}{name}.weight"] = 1 + normal(HIDDEN)
            made[f"{prefix}{name}.bias"] = normal(HIDDEN)
    made[side.READ] = normal(HIDDEN, (1 + len(side.MEANS)) * HIDDEN)
    made[side.BIAS] = normal(HIDDEN)
    return made


def run(
    ids: list[int], *, int8: bool, arrays: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    model = graph.build(arrays or weights(), int8=int8).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = session.run(graph.OUTPUTS, {"input_ids": np.array([ids])})
    return dict(zip(graph.OUTPUTS, outputs, strict=True))


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("ids", [[0, 2], [0, 7, 8, 9, 2]])
def test_the_graph_keeps_its_contract(ids: list[int], int8: bool) -> None:
    outputs = run(ids, int8=int8)

    assert {name: value.shape for name, value in outputs.items()} == {
        "general": (1, HIDDEN),
        "ticket": (1, 2 * HIDDEN),
    }
    assert np.linalg.norm(outputs["general"]) == pytest.approx(1, abs=1e-5)


def test_int8_agrees_with_float32() -> None:
    ids = [0, *range(5, 25), 2]
    exact, rounded = run(ids, int8=False), run(ids, int8=True)

    for name in graph.OUTPUTS:
        one, other = exact[name][0], rounded[name][0]
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > 0.99


def test_the_order_of_pieces_matters() -> None:
    assert not np.allclose(
        run([0, 7, 8, 2], int8=False)["general"], run([0, 8, 7, 2], int8=False)["general"]
    )


def test_the_graph_computes_what_the_formulas_say() -> None:
    ids = [0, 7, 8, 9, 2]
    found = run(ids, int8=False)

    arrays = {name: array.astype(np.float64) for name, array in weights().items()}
    states = reference(ids, arrays)
    last = states[-1].mean(axis=0)
    expected = np.concatenate([states[-1][0], last / np.linalg.norm(last)])
    assert found["ticket"][0] == pytest.approx(expected, abs=1e-4)
    recalled = layer_above(states[side.INPUT], arrays, side.PREFIX)
    means = [each.mean(axis=0) for each in (recalled, *(states[n] for n in side.MEANS))]
    general = arrays[side.READ] @ np.concatenate(means) + arrays[side.BIAS]
    assert found["general"][0] == pytest.approx(general / np.linalg.norm(general), abs=1e-5)


def test_what_the_side_layer_reads_gives_general_with_it() -> None:
    ids = [0, *range(5, 25), 2]
    below = graph.build_below_side(weights()).SerializeToString()
    session = ort.InferenceSession(below, providers=["CPUExecutionProvider"])
    states, means = session.run(["states", "means"], {"input_ids": np.array([ids])})

    recalled = layer_above(states[0], weights(), side.PREFIX).mean(axis=0)
    read = weights()[side.READ] @ np.concatenate([recalled, means[0]]) + weights()[side.BIAS]
    assert run(ids, int8=True)["general"][0] @ read / np.linalg.norm(read) > 0.999


def test_without_a_side_layer_general_is_the_last_mean() -> None:
    plain = {name: array for name, array in weights().items() if not name.startswith(side.PREFIX)}

    outputs = run([0, 7, 8, 9, 2], int8=False, arrays=plain)

    np.testing.assert_array_equal(outputs["general"], outputs["ticket"][:, HIDDEN:])


def test_positions_that_serving_never_reaches_are_not_shipped() -> None:
    assert graph.LONGEST == MAX_PIECES


def reference(ids: list[int], arrays: Mapping[str, Array]) -> list[Array]:
    """The states below the first and above all layers of post-norm BERT (Devlin et al., 2018)."""
    states = [_norm(arrays["word"][ids] + arrays["position"][: len(ids)], arrays, "norm")]
    for layer in range(LAYERS):
        states.append(layer_above(states[-1], arrays, f"{layer}."))
    return states


def layer_above(states: Array, arrays: Mapping[str, Array], prefix: str) -> Array:
    def linear(name: str, inputs: Array) -> Array:
        return inputs @ arrays[f"{prefix}{name}.weight"].T + arrays[f"{prefix}{name}.bias"]

    query, key, value = (
        linear(name, states).reshape(len(states), graph.HEADS, -1).transpose(1, 0, 2)
        for name in ("query", "key", "value")
    )
    scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]))
    attended = (scores / scores.sum(axis=-1, keepdims=True)) @ value
    attended = attended.transpose(1, 0, 2).reshape(len(states), -1)
    states = _norm(states + linear("attention_output", attended), arrays, f"{prefix}attention_norm")
    fed = linear("narrow", _gelu(linear("wide", states)))
    return _norm(states + fed, arrays, f"{prefix}output_norm")


def _norm(states: Array, arrays: Mapping[str, Array], name: str) -> Array:
    centred = states - states.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return scaled * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def _gelu(values: Array) -> Array:
    return np.asarray(values * (1 + np.vectorize(erf)(values / np.sqrt(2))) / 2)


def quantised(values: Array) -> tuple[bytes, Array]:
    """Blocks of 32 values in 4 bits, and what they mean."""
    blocks = values.reshape(-1, 32)
    scale = (np.abs(blocks).max(axis=1) / 7).astype("<f2")
    nibbles = np.round(blocks / scale[:, None].astype(np.float32)).clip(-8, 7).astype(np.int8) + 8
    packed = (nibbles[:, :16] | nibbles[:, 16:] << 4).astype(np.uint8)
    raw = np.concatenate([scale[:, None].view(np.uint8).reshape(-1, 2), packed], axis=1)
    return raw.tobytes(), ((nibbles - 8) * scale[:, None].astype(np.float32)).reshape(values.shape)


def test_weights_come_out_as_they_were_packed(tmp_path: Path) -> None:
    hidden, wide = 32, 64
    draw = np.random.default_rng(7)
    expected: dict[str, Array] = {}
    blobs: dict[str, bytes] = {}
    shapes = {"emb.word": (4, hidden)} | {
        f"l0.{name}.w": (hidden, hidden) for name in ("q", "k", "v", "ao")
    }
    shapes |= {"l0.fi.w": (wide, hidden), "l0.fo.w": (hidden, wide)}
    for name, shape in shapes.items():
        blobs[name], expected[name] = quantised(draw.normal(size=shape).astype(np.float32))
    plain: dict[str, tuple[int, ...]] = {
        "emb.pos": (8, hidden),
        "emb.type": (1, hidden),
        "emb.ln.w": (hidden,),
    }
    plain |= {"emb.ln.b": (hidden,), "l0.fi.b": (wide,)}
    plain |= {f"l0.{name}.b": (hidden,) for name in ("q", "k", "v", "ao", "fo", "aln", "oln")}
    plain |= {f"l0.{name}.w": (hidden,) for name in ("aln", "oln")}
    for name, size in plain.items():
        expected[name] = draw.normal(size=size).astype(np.float32)
        blobs[name] = expected[name].tobytes()
    path = tmp_path / "weights.bin"
    path.write_bytes(_pack(blobs, (hidden, 1, 4, wide, 4, 8, 2)))

    read = dequantise(path)

    np.testing.assert_array_equal(read["word"], expected["emb.word"])
    np.testing.assert_array_equal(read["0.narrow.weight"], expected["l0.fo.w"])
    np.testing.assert_array_equal(read["0.output_norm.bias"], expected["l0.oln.b"])
    np.testing.assert_array_equal(read["position"], expected["emb.pos"] + expected["emb.type"])


def _pack(blobs: dict[str, bytes], shape: tuple[int, ...]) -> bytes:
    header = b"E5S1" + struct.pack("<I7ifi", 1, *shape, 1e-12, 4)
    header += struct.pack("<5iQ", 1, 0, 2, 1, 3, 2) + struct.pack("<2I", 0, 2) + b"\0" * 4 + b"ab"
    header += struct.pack("<iI", 0, 0) + struct.pack("<i", len(blobs))
    offset = len(header) + sum(2 + len(name) + 1 + 4 + 16 for name in blobs)
    for name, blob in blobs.items():
        header += struct.pack("<H", len(name)) + name.encode()
        header += struct.pack("<BIQQ", 0, 0, offset, len(blob))
        offset += len(blob)
    return header + b"".join(blobs.values())


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"GGUF")

    with pytest.raises(WeightsFormatError):
        dequantise(tmp_path / "weights.bin")


def test_missing_weights_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="fetch"):
        dequantise(tmp_path / "weights.bin")


def test_the_average_lies_in_the_middle_and_leaves_what_is_equal() -> None:
    embeddings = np.random.default_rng(7).normal(size=(5, 3)).astype(np.float32)
    one = {"word": embeddings, "0.query.weight": np.zeros((3, 3), np.float32)}
    other = {"word": embeddings, "0.query.weight": np.ones((3, 3), np.float32)}

    mean = average(one, other)

    np.testing.assert_array_equal(mean["word"], embeddings)
    np.testing.assert_array_equal(mean["0.query.weight"], np.full((3, 3), 0.5, np.float32))
    assert all(array.dtype == np.float32 for array in mean.values())


def test_encoders_with_different_vocabularies_have_no_average() -> None:
    with pytest.raises(DifferentEncodersError, match="one vocabulary"):
        average({"word": np.zeros((5, 3), np.float32)}, {"word": np.zeros((4, 3), np.float32)})


def test_rows_know_by_which_guide_they_were_labelled(tmp_path: Path) -> None:
    (tmp_path / "en-hard.jsonl").write_text(line("labelled early"), encoding="utf-8")
    (tmp_path / "en-later.jsonl").write_text(line("labelled late"), encoding="utf-8")

    assert {row.body: row.late for row in read_rows(tmp_path)} == {
        "labelled early": False,
        "labelled late": True,
    }
