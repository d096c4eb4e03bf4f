"""What the figures must show; each is a line at the end of the run, and one that fails fails it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

type Figures = Mapping[str, Any]

JUDGED = ("queue", "type", "priority", "sentiment")
MEMORY_SHARE = 1 / 5
SIZE_SHARE = 1 / 10


@dataclass(frozen=True, slots=True)
class Check:
    """One claim, whether it holds, and the figures behind it."""

    claim: str
    holds: bool
    figures: str


def checks(parts: Mapping[str, Figures]) -> list[Check]:
    """Check what is there; a part that was never measured claims nothing."""
    found: list[Check] = []
    for name, check in CHECKS.items():
        if name in parts:
            found += check(parts[name])
    return found


def _classify(figures: Figures) -> Iterator[Check]:
    contestants = figures["contestants"]
    ours, pair = contestants["ours"], contestants["bert-pair"]
    for key, peer in contestants.items():
        if key not in {"ours", "tf-idf"}:
            least = min(peer["ratio"].values())
            yield Check(
                f"faster than {peer['name']} at every length", least > 1, f"{least:.2f} times"
            )
        if key != "ours" and peer["accuracy"]:
            yield _ahead(ours["accuracy"], peer)
    memory, theirs = ours["peak_mb"], pair["peak_mb"]
    yield Check(
        "memory below a fifth of the torch pair's",
        memory < MEMORY_SHARE * theirs,
        f"{memory} of {theirs} MB",
    )
    size, theirs = ours["deployed_mb"], pair["installed_mb"]
    yield Check(
        "installed size, as deployed, below a tenth of the torch pair's",
        size < SIZE_SHARE * theirs,
        f"{size} of {theirs} MB",
    )


def _ahead(ours: Mapping[str, float], peer: Figures) -> Check:
    theirs = peer["accuracy"]
    least = min(ours[target] - theirs[target] for target in JUDGED)
    holds = least > 0 and ours["language"] >= theirs["language"]
    return Check(
        f"more often right than {peer['name']} in every judgement",
        holds,
        f"by at least {least:.3f}",
    )


def _limit(figures: Figures) -> Iterator[Check]:
    longest = list(figures["lengths"])[-1]
    taken = figures["lengths"][longest]
    yield Check(
        f"faster at {longest} tokens than float32 could be at full speed",
        taken["ms"] < taken["all_fp32_ideal_ms"],
        f"{taken['ms']} of {taken['all_fp32_ideal_ms']} ms",
    )


def _way(figures: Any) -> Iterator[Check]:
    large = [one for one in figures if one["way"] == "sweep" and one["tickets"] >= 3_000]
    if large:
        most = max(one["credits_per_ticket"] for one in large)
        yield Check("a backlog costs less than half a credit a ticket", most < 0.5, f"{most}")
    refused = sum(one["refused"] for one in figures if one["way"] != "naive")
    yield Check("Freshdesk refuses none of our calls", refused == 0, f"{refused} refused")


def _start(figures: Figures) -> Iterator[Check]:
    yield Check(
        "no warm request fails or writes twice",
        figures["failures"] == 0 and figures["written_once"] == figures["warm_requests"],
        f"{figures['failures']} failures",
    )


def _load(figures: Figures) -> Iterator[Check]:
    for name, service in figures.items():
        errors = sum(level["errors"] for level in [*service["levels"], service["beyond"]])
        yield Check(f"{name}: no error under any load", errors == 0, f"{errors} errors")
        beyond = service["beyond"]
        yield Check(
            f"{name}: every ticket beyond saturation is triaged once",
            beyond["written_by_webhooks"] + beyond["recovered_by_sweep"] == beyond["requests"],
            f"{beyond['recovered_by_sweep']} recovered",
        )


CHECKS: dict[str, Callable[[Any], Iterator[Check]]] = {
    "classify": _classify,
    "limit": _limit,
    "way": _way,
    "start": _start,
    "load": _load,
}
