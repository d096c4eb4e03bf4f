"""Secrets by reference: `ssm:/path`, `env:NAME` or `file:/path`, never their values.

In AWS they are SecureStrings of the SSM Parameter Store, decrypted on the first use, not at
init, so that no snapshot of the function holds one.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from otai_freshdesk.config.errors import SecretError
from otai_freshdesk.ssm import ssm_client

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SSMProvider

CACHE_SECONDS = 300
REFETCH_SECONDS = 30
MIN_WEBHOOK_SECRET = 32
MAX_WEBHOOK_SECRETS = 2
MAX_SECRET_FILE = 4096

type Fetch = Callable[[str, bool], str]

_REFERENCE = re.compile(r"(ssm:/[\w./-]+|env:[A-Za-z_]\w*|file:.+)")


def is_reference(text: str) -> bool:
    """Tell whether `text` names a place where a secret is kept."""
    return _REFERENCE.fullmatch(text) is not None


def _check_reference(text: str) -> str:
    if not is_reference(text):
        # The value itself stays out of the message: it may be the secret.
        raise ValueError(
            "a secret must be a reference: ssm:/path, env:NAME or file:/path; never its value"
        )
    return text


SecretReference = Annotated[str, AfterValidator(_check_reference)]


@cache
def _ssm() -> "SSMProvider":
    # Imported here: it costs time that an on-premise process need not pay.
    from aws_lambda_powertools.utilities.parameters import SSMProvider  # noqa: PLC0415

    return SSMProvider(boto3_client=ssm_client())


def prepare_fetching(references: Iterable[str]) -> None:
    """Load what fetching `references` takes; fetches nothing and opens no connection."""
    if any(reference.startswith("ssm:") for reference in references):
        _ssm()


def _from_ssm(name: str, refresh: bool) -> str:
    from aws_lambda_powertools.utilities.parameters.exceptions import (  # noqa: PLC0415
        GetParameterError,
    )

    try:
        return str(_ssm().get(name, decrypt=True, max_age=CACHE_SECONDS, force_fetch=refresh))
    except GetParameterError as error:
        raise SecretError(
            f"the secret ssm:{name} cannot be read: check that the parameter exists and that the "
            "function may read and decrypt it"
        ) from error


def _from_environment(name: str, _refresh: bool) -> str:
    if not (value := os.environ.get(name)):
        raise SecretError(
            f"the environment variable {name} is not set or empty; put the secret there"
        )
    return value


def _from_file(path: str, _refresh: bool) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_SECRET_FILE + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        # Without its cause, which would quote the file.
        raise SecretError(
            f"the secret file {path} cannot be read ({type(error).__name__})"
        ) from None
    if len(text) > MAX_SECRET_FILE:
        raise SecretError(f"the file {path} is longer than {MAX_SECRET_FILE} bytes: no secret is")
    return text


FETCHERS: Mapping[str, Fetch] = {"ssm": _from_ssm, "env": _from_environment, "file": _from_file}


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that is fetched when it is asked for; its repr shows the reference only."""

    reference: str
    fetchers: Mapping[str, Fetch] = field(default_factory=lambda: FETCHERS, repr=False)

    def get(self, *, refresh: bool = False) -> str:
        """Return the secret without surrounding white space; may block on the network.

        Args:
            refresh: fetch it anew, past every cache, after it was refused.

        Raises:
            SecretError: it is missing, empty, or cannot be fetched now.
        """
        scheme, _, name = self.reference.partition(":")
        value = self.fetchers[scheme](name, refresh).strip()
        if not value:
            raise SecretError(f"the secret {self.reference} is empty")
        return value


class WebhookSecrets:
    """The one or two secrets a webhook may show, one a line; two during a rotation.

    They are asked for each time, from the cache of their place, so that an old one stops being
    valid within `CACHE_SECONDS`. An unknown secret makes it fetch them past the cache, at most
    every `REFETCH_SECONDS`, so that a rotation needs no deployment and a stranger cannot make us
    ask all the time. While they cannot be fetched, the last known ones hold.
    """

    def __init__(self, secret: Secret, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._secret = secret
        self._monotonic = monotonic
        self._refetched_at = float("-inf")
        self._last: tuple[bytes, ...] = ()

    def known(self) -> tuple[bytes, ...]:
        """Return the valid secrets as bytes.

        Raises:
            SecretError: there is none and never was, there are too many, or one is too short.
        """
        return self._fetch(refresh=False)

    def refetched(self) -> tuple[bytes, ...]:
        """Return the secrets fetched past the cache; none when that was done a moment ago."""
        now = self._monotonic()
        if now - self._refetched_at < REFETCH_SECONDS:
            return ()
        self._refetched_at = now
        return self._fetch(refresh=True)

    def _fetch(self, *, refresh: bool) -> tuple[bytes, ...]:
        try:
            text = self._secret.get(refresh=refresh)
        except SecretError:
            if not self._last:
                raise
            return self._last
        self._last = self._checked(text)
        return self._last

    def _checked(self, text: str) -> tuple[bytes, ...]:
        secrets = tuple(line.strip().encode() for line in text.splitlines())
        if not 1 <= len(secrets) <= MAX_WEBHOOK_SECRETS:
            raise SecretError(
                f"{self._secret.reference} must hold one webhook secret, or two on two lines"
            )
        if any(len(secret) < MIN_WEBHOOK_SECRET for secret in secrets):
            raise SecretError(
                f"each webhook secret in {self._secret.reference} must have at least "
                f"{MIN_WEBHOOK_SECRET} characters; make one with: openssl rand -hex 32"
            )
        return secrets
