"""Questions to whoever sits at the terminal; where nobody does, each has a default.

Questions and what is typed go to the terminal, never into the result on standard output.
"""

import sys
from collections.abc import Sequence
from getpass import getpass

from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.cli.output import note, printable
from otai_freshdesk.cli.setup_texts import Texts

__all__ = ["AnswersEndedError", "Dialogue"]


class AnswersEndedError(CommandError):
    """The terminal was closed in the middle of the questions; nothing was written."""

    code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("the answers ended before the last question; nothing was written")


class Dialogue:
    """Asks, or does not."""

    def __init__(self, texts: Texts, *, silent: bool) -> None:
        """Find out whether somebody is there.

        Args:
            texts: The language.
            silent: Ask nothing, whoever is there.
        """
        self._texts = texts
        self.asks = not silent and sys.stdin.isatty() and sys.stderr.isatty()

    def text(self, question: str) -> str:
        """Ask for one line."""
        sys.stderr.write(question)
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise AnswersEndedError
        return answer.strip()

    def secret(self, question: str) -> str:
        """Ask for one line that is not shown."""
        try:
            return getpass(question).strip()
        except EOFError:
            raise AnswersEndedError from None

    def agrees(self, question: str) -> bool:
        """Ask for a yes; anything else is a no."""
        return self.text(question).casefold().startswith(self._texts.yes)

    def one_of(self, question: str, answers: Sequence[str], default: str) -> str:
        """Ask until one of the answers, or nothing, is given."""
        while answer := self.text(question.format(default=default)):
            if answer in answers:
                return answer
            note(self._texts.no_such_answer)
        return default

    def show(self, names: Sequence[str]) -> None:
        """Show the names with numbers from 1, to be answered with."""
        for number, name in enumerate(names, start=1):
            note(f"  {number:>2}  {printable(name)}")

    def number(self, question: str, names: Sequence[str]) -> str | None:
        """Ask for the number of a name, None for nothing."""
        while answer := self.text(question):
            if answer in _numbers(names):
                return names[int(answer) - 1]
            note(self._texts.no_such_answer)
        return None

    def numbers(
        self, question: str, names: Sequence[str], default: Sequence[str]
    ) -> tuple[str, ...]:
        """Ask for the numbers of some names; 0 for none, nothing for the default."""
        shown = ",".join(str(names.index(name) + 1) for name in default) or "0"
        while answer := self.text(question.format(default=shown)):
            given = [part.strip() for part in answer.split(",") if part.strip()]
            if given == ["0"]:
                return ()
            if given and set(given) <= _numbers(names):
                return tuple(dict.fromkeys(names[int(one) - 1] for one in given))
            note(self._texts.no_such_answer)
        return tuple(default)


def _numbers(names: Sequence[str]) -> set[str]:
    return {str(number) for number in range(1, len(names) + 1)}
