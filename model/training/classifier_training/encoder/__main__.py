"""The commands of the encoder build, in their order.

    fetch      download the pretrained weights and their tokenizer, check their sums
    choose     pick the pieces of the vocabulary and the calibration part (needs the word lists);
               both lie in the repository, so that this is only for new tickets
    trim       dequantise the weights and trim the vocabulary
    prepare    clean and tokenise the tickets (in the product's environment, by the serving code)
    finetune   train, resuming from the last checkpoint; then export
    average    replace the tuned weights by the mean of those in each `--weights`; then export
    recall     train the side layer of the tuned encoder; then export
    export     write encoder.onnx, encoder.fp32.onnx and tokenizer.json of the tuned or, with
               `--pretrained`, of the untuned encoder
    benchmark  compare both graphs: time and agreement
    probe      accuracy of `general` on labels never trained on: `--file` and `--label` name a CSV
               (`text`, label) or JSONL (`subject`, `body`, label) file and its label column

`--work` is the folder of everything in between, `--tickets` may be given several times.
"""

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import EncoderBuildError, MissingInputError

TICKETS = Path("model/tickets")
WORK = Path("build/encoder")
WORD_LISTS = Path("/usr/share/dict")


def main() -> int:
    """Run one command and return the exit code."""
    arguments = _parser().parse_args()
    arguments.tickets = arguments.tickets or [TICKETS]
    try:
        COMMANDS[arguments.command](arguments)
    except EncoderBuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _fetch(arguments: argparse.Namespace) -> None:
    from .fetch import fetch  # noqa: PLC0415

    fetch(arguments.work)


def _choose(arguments: argparse.Namespace) -> None:
    from . import rows, vocabulary  # noqa: PLC0415

    tickets = rows.read_rows(*arguments.tickets)
    before = rows.load_calibration() if rows.CALIBRATION.exists() else ()
    rows.save_calibration(rows.choose_calibration(tickets, before))
    texts = (f"{row.subject}\n{row.body}" for row in tickets)
    pieces = vocabulary.choose(arguments.work / "tokenizer.json", arguments.word_lists, texts)
    vocabulary.save_pieces(pieces)


def _trim(arguments: argparse.Namespace) -> None:
    from . import fetch, vocabulary  # noqa: PLC0415
    from .dequantise import dequantise, save_weights  # noqa: PLC0415

    folder = _folder(arguments, "pretrained")
    weights = dequantise(arguments.work / fetch.WEIGHTS.name)
    tokenizer, weights["word"] = vocabulary.trim(
        arguments.work / fetch.TOKENIZER.name, weights["word"], vocabulary.load_pieces()
    )
    save_weights(weights, folder / "weights.npz")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")


def _prepare(arguments: argparse.Namespace) -> None:
    from . import prepare, rows  # noqa: PLC0415

    tokenizer = arguments.work / "pretrained" / "tokenizer.json"
    out = arguments.work / "examples.jsonl"
    tickets = rows.read_rows(*arguments.tickets)
    prepare.prepare(tickets, rows.load_calibration(), tokenizer, out)


def _finetune(arguments: argparse.Namespace) -> None:
    from .dequantise import load_weights, save_weights  # noqa: PLC0415
    from .examples import read_examples  # noqa: PLC0415
    from .finetune import Settings, Training  # noqa: PLC0415

    settings = dataclasses.replace(Settings(), **dict(arguments.set))
    examples = read_examples(arguments.work / "examples.jsonl")
    weights = load_weights(arguments.work / "pretrained" / "weights.npz")
    tuned = Training(weights, examples, settings, arguments.work / "run").run()
    folder = _folder(arguments, "tuned")
    save_weights(tuned, folder / "weights.npz")
    shutil.copyfile(arguments.work / "pretrained" / "tokenizer.json", folder / "tokenizer.json")
    _export(arguments)


def _recall(arguments: argparse.Namespace) -> None:
    from .dequantise import load_weights, save_weights  # noqa: PLC0415
    from .examples import read_examples  # noqa: PLC0415
    from .recall import Recall, Settings  # noqa: PLC0415

    settings = dataclasses.replace(Settings(), **dict(arguments.set))
    examples = read_examples(arguments.work / "examples.jsonl")
    tuned, pretrained = (
        load_weights(arguments.work / name / "weights.npz") for name in ("tuned", "pretrained")
    )
    recalled = Recall(tuned, pretrained, examples, settings).run()
    save_weights({**tuned, **recalled}, _folder(arguments, "tuned") / "weights.npz")
    _export(arguments)


def _average(arguments: argparse.Namespace) -> None:
    from .dequantise import average, load_weights, save_weights  # noqa: PLC0415

    if not arguments.weights:
        raise MissingInputError(Path("--weights"), "finetune")
    mean = average(*map(load_weights, arguments.weights))
    save_weights(mean, _folder(arguments, "tuned") / "weights.npz")
    _export(arguments)


def _export(arguments: argparse.Namespace) -> None:
    from . import benchmark, graph  # noqa: PLC0415
    from .dequantise import load_weights  # noqa: PLC0415

    folder = arguments.work / ("pretrained" if arguments.pretrained else "tuned")
    weights = load_weights(folder / "weights.npz")
    graph.save(weights, folder / benchmark.FLOAT32, int8=False)
    graph.save(weights, folder / benchmark.INT8, int8=True)


def _benchmark(arguments: argparse.Namespace) -> None:
    from . import benchmark  # noqa: PLC0415
    from .examples import read_examples  # noqa: PLC0415

    folder = arguments.work / ("pretrained" if arguments.pretrained else "tuned")
    if not (folder / benchmark.INT8).exists():
        raise MissingInputError(folder / benchmark.INT8, "export")
    examples = read_examples(arguments.work / "examples.jsonl")
    texts = [example.pieces for example in examples if example.held_back]
    report = benchmark.compare_outputs(folder, texts) | {"speed": benchmark.compare_speed(folder)}
    print(json.dumps(report, indent=2))


def _probe(arguments: argparse.Namespace) -> None:
    from .probe import probe, read_labelled  # noqa: PLC0415

    folder = arguments.work / ("pretrained" if arguments.pretrained else "tuned")
    print(json.dumps(probe(folder, read_labelled(arguments.file, arguments.label))))


def _folder(arguments: argparse.Namespace, name: str) -> Path:
    folder: Path = arguments.work / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _setting(text: str) -> tuple[str, float | int]:
    """Read `name=number` of a training setting, as an integer where it is one."""
    name, _, value = text.partition("=")
    return name, int(value) if value.isdecimal() else float(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m classifier_training.encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--tickets", type=Path, action="append")
    parser.add_argument("--word-lists", type=Path, default=WORD_LISTS)
    parser.add_argument("--pretrained", action="store_true")
    parser.add_argument("--weights", type=Path, action="append", default=[], metavar="FILE.npz")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--label", default="label")
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=NUMBER")
    return parser


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "fetch": _fetch,
    "choose": _choose,
    "trim": _trim,
    "prepare": _prepare,
    "finetune": _finetune,
    "average": _average,
    "recall": _recall,
    "export": _export,
    "benchmark": _benchmark,
    "probe": _probe,
}

if __name__ == "__main__":
    sys.exit(main())
