"""`otai-freshdesk classify`: a file of tickets in, a file of predictions out."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.errors import InputError
from otai_freshdesk.cli.files import STANDARD, open_input, open_output
from otai_freshdesk.cli.options import BundleOption, JsonOption
from otai_freshdesk.cli.output import note, print_json, progress_bar

if TYPE_CHECKING:
    from ticket_classifier import Prediction

__all__ = ["TicketText", "classify", "read_texts"]

_DIGITS = 6
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TicketText:
    """The text of one line; `end` is the number of bytes read up to its end."""

    subject: str = field(repr=False)
    body: str = field(repr=False)
    end: int


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

    name = "standard input" if file == STANDARD else str(file)
    started = time.monotonic()
    tickets = 0
    with open_input(file) as source:
        size = file.stat().st_size if file.is_file() else None
        classifier = ticket_classifier.load(bundle_folder(bundle), threads=threads)
        with open_output(output) as target, progress_bar("Classifying", size) as progress:
            for text in read_texts(source, name):
                prediction = classifier.classify(text.subject, text.body)
                target.write(json.dumps(_record(prediction), ensure_ascii=False) + "\n")
                tickets += 1
                progress(text.end)
    seconds = time.monotonic() - started
    if as_json:
        summary = {"tickets": tickets, "seconds": round(seconds, 3), "output": str(output)}
        print_json(summary | {"bundle_id": classifier.bundle_id}, err=output == STANDARD)
    else:
        note(f"{tickets} tickets classified in {seconds:.1f} s by bundle {classifier.bundle_id}")


def read_texts(source: BinaryIO, name: str) -> Iterator[TicketText]:
    """Yield the tickets of a JSON Lines stream; empty lines are passed over.

    Args:
        source: The stream; read line by line.
        name: What errors call it.

    Raises:
        InputError: A line is not a JSON object with subject or body as text.
    """
    end = 0
    for number, line in enumerate(source, start=1):
        end += len(line)
        content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            yield _parse(content, name, number, end)


def _parse(line: bytes, name: str, number: int, end: int) -> TicketText:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError(name, "not UTF-8; save the file as UTF-8", line=number) from None
    except (ValueError, RecursionError):
        problem = "not JSON; each line must be one object with subject and body"
        raise InputError(name, problem, line=number) from None
    if not isinstance(row, dict) or not {"subject", "body"} & row.keys():
        raise InputError(name, "not an object with subject and body", line=number)
    subject, body = (_text(row.get(key), key, name, number) for key in ("subject", "body"))
    return TicketText(subject, body, end)


def _text(value: object, key: str, name: str, number: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(name, f"{key} must be text", line=number)
    return value


def _record(prediction: "Prediction") -> dict[str, object]:
    return {
        name: {
            "label": one.label,
            "probability": round(one.probability, _DIGITS),
            "abstained": one.abstained,
        }
        for name, one in prediction.targets.items()
    }
