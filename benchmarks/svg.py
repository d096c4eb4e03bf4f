"""Plots as SVG, written by hand: readable in light and dark mode, and without colours."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
COLOURS = 6
STYLE = """\
<style>
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.quiet { fill: #59636e; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.rule { stroke: #d1d9e0; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.c0 { stroke: #0550ae; } .f0 { fill: #0550ae; }
.c1 { stroke: #b35900; } .f1 { fill: #b35900; }
.c2 { stroke: #1a7f37; } .f2 { fill: #1a7f37; }
.c3 { stroke: #8250df; } .f3 { fill: #8250df; }
.c4 { stroke: #bf3989; } .f4 { fill: #bf3989; }
.c5 { stroke: #6e7781; } .f5 { fill: #6e7781; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .quiet { fill: #9198a1; }
  .rule { stroke: #3d444d; }
  .c0 { stroke: #58a6ff; } .f0 { fill: #58a6ff; }
  .c1 { stroke: #f0883e; } .f1 { fill: #f0883e; }
  .c2 { stroke: #56d364; } .f2 { fill: #56d364; }
  .c3 { stroke: #bc8cff; } .f3 { fill: #bc8cff; }
  .c4 { stroke: #ff7bc5; } .f4 { fill: #ff7bc5; }
  .c5 { stroke: #9198a1; } .f5 { fill: #9198a1; }
}
</style>"""
DASHES = ("", "8 3", "2 3", "8 3 2 3", "12 4", "4 4")

type Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it shows, and where a value lies on it.

    Attributes:
        label: What it shows, with the unit.
        ticks: Values that get a line and a number, ascending; the first and last are its ends.
        logarithmic: Equal distances are equal ratios.
    """

    label: str
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the first tick and 1 at the last."""
        first, last, here = (
            math.log(one) if self.logarithmic else one
            for one in (self.ticks[0], self.ticks[-1], value)
        )
        return (here - first) / (last - first)


def decades(values: Sequence[float]) -> tuple[float, ...]:
    """Return the powers of ten that enclose positive values."""
    first = math.floor(math.log10(min(values)))
    last = max(math.ceil(math.log10(max(values))), first + 1)
    return tuple(10.0**power for power in range(first, last + 1))


def rounds(values: Sequence[float]) -> tuple[float, ...]:
    """Return some four round steps from 0 to beyond the largest of positive values."""
    most = max(values)
    step = 10.0 ** math.floor(math.log10(most / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if most <= 4 * step * factor)
    return tuple(step * number for number in range(math.ceil(most / step) + 1))


def lines(title: str, x: Axis, y: Axis, series: Mapping[str, Points]) -> str:
    """Return a line plot whose lines carry their names at their ends."""
    left, right, top, bottom, height = 64.0, 250.0, 56.0, 52.0, 380.0
    across, down = WIDTH - left - right, height - top - bottom

    def spot(point: tuple[float, float]) -> tuple[float, float]:
        return left + x.place(point[0]) * across, top + (1 - y.place(point[1])) * down

    def body() -> Iterator[str]:
        yield _text(0, 18, title, "title")
        yield _text(0, 40, y.label, "quiet")
        for tick in y.ticks:
            height_of_tick = spot((x.ticks[0], tick))[1]
            yield _rule(left, height_of_tick, left + across)
            yield _text(left - 8, height_of_tick + 4, number(tick), "quiet end")
        for tick in x.ticks:
            yield _text(spot((tick, y.ticks[0]))[0], top + down + 20, number(tick), "quiet middle")
        yield _text(left + across / 2, height - 8, x.label, "quiet middle")
        ends = {name: spot(points[-1])[1] for name, points in series.items()}
        labels = spread(ends, 17)
        for place, (name, points) in enumerate(series.items()):
            yield from _line([spot(point) for point in points], place % COLOURS)
            yield _text(left + across + 14, labels[name] + 4, name, f"f{place % COLOURS}")

    return _document(title, height, body)


def bars(title: str, label: str, values: Mapping[str, float], texts: Mapping[str, str]) -> str:
    """Return horizontal bars from zero, each with its name before and its text behind."""
    left, right, top, pitch = 230.0, 110.0, 56.0, 28.0
    most = max(values.values())
    height = top + pitch * len(values) + 8

    def body() -> Iterator[str]:
        yield _text(0, 18, title, "title")
        yield _text(0, 40, label, "quiet")
        for place, (name, value) in enumerate(values.items()):
            y = top + pitch * place
            length = max(value / most * (WIDTH - left - right), 1.0)
            yield _text(left - 10, y + 14, name, "end")
            yield (
                f'<rect class="f{0 if place == 0 else 5}" x="{left:.1f}" y="{y:.1f}" '
                f'width="{length:.1f}" height="18" rx="2"/>'
            )
            yield _text(left + length + 8, y + 14, texts[name], "")

    return _document(title, height, body)


def spread(places: Mapping[str, float], distance: float) -> dict[str, float]:
    """Move places apart until neighbours keep a distance; their order stays."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, place in sorted(places.items(), key=lambda one: one[1]):
        last = max(place, last + distance)
        moved[name] = last
    return moved


def number(value: float) -> str:
    """Return a number for an axis: `0.01`, `1`, `3,000`."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def _line(spots: Sequence[tuple[float, float]], colour: int) -> Iterator[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    dash = f' stroke-dasharray="{DASHES[colour]}"' if DASHES[colour] else ""
    yield f'<polyline class="line c{colour}" points="{path}"{dash}/>'
    for x, y in spots:
        yield f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _rule(left: float, y: float, right: float) -> str:
    return f'<line class="rule" x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _document(title: str, height: float, body: Callable[[], Iterator[str]]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 0 {WIDTH + 8} {height:.0f}" '
        f'width="{WIDTH + 8}" height="{height:.0f}" role="img">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", STYLE, *body(), "</svg>", ""])
