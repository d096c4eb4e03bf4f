"""One ticket in, one prediction out: total, deterministic, unsure where it should be."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticket_classifier import Classifier, clean
from ticket_classifier.encoder import MAX_PIECES
from unit.classifier.tiny import TRAINING_TEXTS


@pytest.mark.parametrize(
    ("text", "label"), list(zip(TRAINING_TEXTS, ["refunds", "access"], strict=True))
)
def test_known_wording_is_recognised(tiny_classifier: Classifier, text: str, label: str) -> None:
    answer = tiny_classifier.classify("", text).targets["queue"]
    assert answer.label == label
    assert answer.probability >= answer.threshold
    assert not answer.abstained


def test_probabilities_belong_to_the_labels(tiny_classifier: Classifier) -> None:
    answer = tiny_classifier.classify("Refund", "parcel arrived broken").targets["queue"]
    assert set(answer.probabilities) == set(tiny_classifier.targets["queue"])
    assert sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert answer.probability == max(answer.probabilities.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t ",
        "12345 67890",
        "!!! ??? ...",
        "\u200b\ufeff",
        "🎉🎉🎉",
        "请帮我重置密码",
        "Мой аккаунт заблокирован",
        "xqz vvv kkjw pppq",
        "<p>&nbsp;</p><style>b{}</style>",
    ],
)
def test_nothing_to_read_or_out_of_scope_abstains(tiny_classifier: Classifier, text: str) -> None:
    prediction = tiny_classifier.classify("", text)
    assert not prediction.in_scope
    answer = prediction.targets["queue"]
    assert answer.abstained
    assert answer.probability <= 0.75


@settings(max_examples=200, deadline=None)
@given(subject=st.text(), body=st.text())
def test_any_text_gets_an_answer(tiny_classifier: Classifier, subject: str, body: str) -> None:
    answer = tiny_classifier.classify(subject, body).targets["queue"]
    assert 0.0 <= answer.probability <= 1.0 + 1e-6
    assert answer.label in tiny_classifier.targets["queue"]


@pytest.mark.parametrize(
    "body", ["word " * 200_000, "x" * 1_000_000, "<p>" * 300_000, "\ud800" * 1000, "\x00" * 1000]
)
def test_huge_and_odd_texts_get_an_answer(tiny_classifier: Classifier, body: str) -> None:
    assert tiny_classifier.classify("s", body).targets["queue"].label


def test_a_ticket_alone_gives_what_it_gives_among_others(tiny_classifier: Classifier) -> None:
    alone = tiny_classifier.classify("", TRAINING_TEXTS[0])
    for other in ("", "something else", TRAINING_TEXTS[1] * 50):
        tiny_classifier.classify(other, other)
    assert tiny_classifier.classify("", TRAINING_TEXTS[0]) == alone


def test_threads_do_not_disturb_each_other(tiny_classifier: Classifier) -> None:
    texts = [*TRAINING_TEXTS, "parcel", "password"] * 10
    expected = [tiny_classifier.classify("", text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda text: tiny_classifier.classify("", text), texts)) == expected


def test_long_texts_keep_head_and_tail(tiny_classifier: Classifier) -> None:
    tokenizer = tiny_classifier._tokenizer
    long = tokenizer.ids("a" * 600 + "b" * 600)
    assert len(long) == MAX_PIECES
    first, last = tokenizer.ids("a")[-2], tokenizer.ids("b")[-2]
    assert (long[0], long[-1]) == (tokenizer.ids("")[0], tokenizer.ids("")[-1])
    assert long.count(first) > 2 * long.count(last) > 0


def test_cleaned_text_gives_the_same_answer(tiny_classifier: Classifier) -> None:
    subject, body = "Re: [#123] Refund", "parcel arrived broken\n\n> On Monday you wrote"
    cleaned = tiny_classifier.classify_cleaned(clean(subject, body))
    assert cleaned == tiny_classifier.classify(subject, body)


def test_repr_names_no_text(tiny_classifier: Classifier) -> None:
    assert repr(tiny_classifier).startswith("Classifier(bundle_id=")


def test_import_and_classify_leave_no_file_and_open_no_socket(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    """In a process of its own, with an empty home and without the variables that mark CI."""
    script = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise SystemExit('socket opened')\n"
        "socket.socket = refuse\n"
        "from pathlib import Path\n"
        "from ticket_classifier import load\n"
        f"load(Path({str(tiny_bundle)!r})).classify('a', 'refund please')\n"
        "import os; assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(filter(None, sys.path))}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert not list(home.rglob("*"))
