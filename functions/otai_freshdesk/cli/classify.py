"""`otai-freshdesk classify`: a file of tickets in, a file of predictions out."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.files import STANDARD, open_input, open_output, refuse_overwriting
from otai_freshdesk.cli.options import BundleOption, JsonOption
from otai_freshdesk.cli.output import note, print_json, progress_bar
from ticket_files import read_json_lines, texts

if TYPE_CHECKING:
    from ticket_classifier import Prediction

__all__ = ["classify"]

_DIGITS = 6


def classify(
    file: Annotated[Path, typer.Argument(help="JSON Lines with subject and body; - reads a pipe.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - prints.")],
    bundle: BundleOption = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of the encoder.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Classify the tickets of a file.

    Each line of FILE is a JSON object with subject and body; other keys are ignored. For each
    ticket one line is written, in order, with the likeliest label of every target, also where
    the model abstains. The output appears when it is complete.
    """
    import ticket_classifier  # noqa: PLC0415 - starts ONNX Runtime

    refuse_overwriting(output, file)
    name = "standard input" if file == STANDARD else str(file)
    started = time.monotonic()
    tickets = read = 0

    def counted(lines: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal read
        for line in lines:
            read += len(line)
            yield line

    with open_input(file) as source:
        size = file.stat().st_size if file.is_file() else None
        classifier = ticket_classifier.load(bundle_folder(bundle), threads=threads)
        with open_output(output) as target, progress_bar("Classifying", size) as progress:
            for row in read_json_lines(counted(source), name):
                prediction = classifier.classify(*texts(row, name))
                target.write(json.dumps(_record(prediction), ensure_ascii=False) + "\n")
                tickets += 1
                progress(read)
    seconds = time.monotonic() - started
    if as_json:
        summary = {"tickets": tickets, "seconds": round(seconds, 3), "output": str(output)}
        print_json(summary | {"bundle_id": classifier.bundle_id}, err=output == STANDARD)
    else:
        note(f"{tickets} tickets classified in {seconds:.1f} s by bundle {classifier.bundle_id}")


def _record(prediction: "Prediction") -> dict[str, object]:
    return {
        name: {
            "label": one.label,
            "probability": round(one.probability, _DIGITS),
            "abstained": one.abstained,
        }
        for name, one in prediction.targets.items()
    }
