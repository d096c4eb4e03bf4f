"""Text to piece ids to embeddings: the tokenizer and the ONNX encoder, one ticket a call.

One ticket a call because dynamic int8 scales activations over the whole batch: a ticket's result
would depend on its neighbours (seen: 2 % of predictions). So what is computed for a ticket alone
is what is computed for it among others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# The wheels of 1.29 and later hold a telemetry client that only this variable, set before the
# import, switches off; the pinned version has none, an unpinned installation may.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort
from tokenizers import Tokenizer

from ticket_classifier.errors import BundleFormatError, BundleMismatchError
from ticket_classifier.weights import split_weights

__all__ = [
    "DIMENSIONS",
    "JOINED_DIMENSIONS",
    "MAX_PIECES",
    "PREFIX",
    "TICKET_DIMENSIONS",
    "Encoder",
    "TicketTokenizer",
]

DIMENSIONS = 384
"""Width of `general`."""

TICKET_DIMENSIONS = 2 * DIMENSIONS
"""Width of `ticket`."""

JOINED_DIMENSIONS = DIMENSIONS + TICKET_DIMENSIONS
"""Width of both, one after the other."""

MAX_PIECES = 256
"""Pieces the encoder sees, ``<s>`` and ``</s>`` included."""

PREFIX = "query: "
"""What multilingual-e5 was trained to see before a text (the original's model card)."""

_INPUT = "input_ids"
_OUTPUTS = ("general", "ticket")
_TAIL_PIECES = 64
_MOST_MEMORY = 1 << 30
"""Bytes ONNX Runtime may hold; the shipped encoder needs less than a tenth."""

type Vector = NDArray[np.float32]


class TicketTokenizer:
    """The bundle's tokenizer, with the encoder's limits: ``<s> query: text </s>``."""

    def __init__(
        self, definition: bytes, *, bundle: Path = Path(), file: str = "tokenizer.json"
    ) -> None:
        """Read a ``tokenizer.json``.

        Raises:
            BundleFormatError: It is no tokenizer definition.
            BundleMismatchError: It lacks the special pieces.
        """
        try:
            self._tokenizer = Tokenizer.from_buffer(definition)
        except Exception as error:
            raise BundleFormatError(bundle, file, "is not a tokenizer definition") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._begin = self._special("<s>", bundle, file)
        self._end = self._special("</s>", bundle, file)
        self.unknown = self._special("<unk>", bundle, file)
        self.size = self._tokenizer.get_vocab_size()
        self._prefix = self._encode(PREFIX)

    def ids(self, text: str) -> list[int]:
        """Piece ids of a cleaned text, at most `MAX_PIECES`: head and tail of a longer one.

        Args:
            text: What `ticket_classifier.clean` returned (it bounds the time taken here).
        """
        pieces = self._encode(PREFIX + text)
        limit = MAX_PIECES - 2
        if len(pieces) > limit:
            pieces = pieces[: limit - _TAIL_PIECES] + pieces[-_TAIL_PIECES:]
        return [self._begin, *pieces, self._end]

    def unknown_share(self, ids: list[int]) -> float:
        """Share of ``<unk>`` among the pieces of the text itself, 0 to 1."""
        own = ids[1 + len(self._prefix) : -1]
        return own.count(self.unknown) / len(own) if own else 0.0

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _special(self, piece: str, bundle: Path, file: str) -> int:
        number = self._tokenizer.token_to_id(piece)
        if number is None:
            raise BundleMismatchError(bundle, file, f"has no piece {piece}")
        return int(number)


@dataclass(frozen=True, slots=True)
class Embedding:
    """Both outputs of the encoder for one ticket.

    Attributes:
        general: The pretrained embedding, nearly, of unit length, [DIMENSIONS]; for labels that
            the encoder has never seen.
        ticket: What was learnt from labelled tickets, [TICKET_DIMENSIONS]: the vector of ``<s>``,
            then the mean over the pieces, of unit length.
    """

    general: Vector
    ticket: Vector

    def joined(self) -> Vector:
        """``general`` and ``ticket`` one after the other."""
        return np.concatenate((self.general, self.ticket))


class Encoder:
    """An ONNX Runtime session over the encoder, on the CPU, without spinning threads."""

    def __init__(
        self, model: bytes, *, threads: int = 1, bundle: Path = Path(), file: str = "encoder.onnx"
    ) -> None:
        """Build the session.

        Args:
            model: The ONNX file.
            threads: Threads within one operator; 1 is right below two virtual CPUs.
            bundle: Where it came from, for the error.
            file: Its name, for the error.

        Raises:
            BundleFormatError: ONNX Runtime cannot read it, or cannot run it within `_MOST_MEMORY`.
            BundleMismatchError: Its input or outputs have other names than the contract's.
        """
        try:
            graph, self._weights = split_weights(model)
            options = _options(threads)
            given = map(ort.OrtValue.ortvalue_from_numpy, self._weights.values())
            options.add_external_initializers(list(self._weights), list(given))
            self._session = ort.InferenceSession(
                graph, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise BundleFormatError(bundle, file, "is not a model ONNX Runtime can read") from error
        inputs = [node.name for node in self._session.get_inputs()]
        outputs = {node.name for node in self._session.get_outputs()}
        if inputs != [_INPUT] or not outputs.issuperset(_OUTPUTS):
            found = f"{', '.join(inputs)} -> {', '.join(sorted(outputs))}"
            raise BundleMismatchError(
                bundle, file, f"maps {found} instead of {_INPUT} -> {', '.join(_OUTPUTS)}"
            )
        try:
            self.embed([0, 0])
        except Exception as error:
            problem = f"cannot be run, or gives no {DIMENSIONS} and {TICKET_DIMENSIONS} numbers"
            raise BundleFormatError(bundle, file, problem) from error

    def embed(self, ids: list[int]) -> Embedding:
        """Encode one ticket's piece ids (at most `MAX_PIECES`)."""
        row = np.asarray([ids], dtype=np.int64)
        general, ticket = self._session.run(list(_OUTPUTS), {_INPUT: row})
        return Embedding(
            general=general.reshape(DIMENSIONS), ticket=ticket.reshape(TICKET_DIMENSIONS)
        )


@cache
def _limit_memory() -> None:
    """Give all sessions of the process one arena that does not outgrow `_MOST_MEMORY`."""
    sizes = {"max_mem": _MOST_MEMORY, "arena_extend_strategy": -1}
    ort.create_and_register_allocator(
        ort.OrtMemoryInfo(
            "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
        ),
        ort.OrtArenaCfg(sizes | {"initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}),
    )


def _options(threads: int) -> ort.SessionOptions:
    _limit_memory()
    options = ort.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A model may name files to take its weights from. Those would be read past the manifest's
    # hashes, from anywhere; below this path there are none.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning thread burns billed CPU while it waits.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
