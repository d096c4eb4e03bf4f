"""Check a webhook request before anything is done with it.

The order matters: size, content type, secret, then the body. Nobody who does not know the
secret learns how a body is read, and nothing is parsed for a stranger.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from otai_freshdesk.config.errors import SecretError
from otai_freshdesk.config.secrets import WebhookSecrets
from otai_freshdesk.web.body import ticket_id
from otai_freshdesk.web.errors import (
    NotReadyError,
    TooLargeError,
    UnauthorisedError,
    UnsupportedTypeError,
)

SECRET_HEADER = "x-otai-secret"  # noqa: S105 - the header's name
FORM = "application/x-www-form-urlencoded"
CONTENT_TYPES = frozenset({"application/json", "text/json", FORM})
MAX_SECRET_BYTES = 512


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What came in: header names in lower case, and the raw body."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """Lets through what Freshdesk sends, and only that."""

    secrets: WebhookSecrets
    max_body_bytes: int

    def ticket_id(self, request: WebhookRequest) -> int:
        """Return the id of the ticket that an acceptable request speaks of.

        Raises:
            RequestError: one of its subclasses, for the first check that fails.
        """
        if len(request.body) > self.max_body_bytes:
            raise TooLargeError(f"the body is larger than {self.max_body_bytes} bytes")
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in CONTENT_TYPES:
            raise UnsupportedTypeError("send the webhook as JSON, content type application/json")
        self._authenticate(request.headers)
        return ticket_id(request.body, form=content_type == FORM)

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        shown = shown_secret(headers)
        try:
            if _is_one_of(shown, self.secrets.known()):
                return
            if shown and _is_one_of(shown, self.secrets.refetched()):
                return
        except SecretError as error:
            raise NotReadyError("the webhook secret cannot be checked now") from error
        raise UnauthorisedError("the webhook secret is missing or wrong")


def shown_secret(headers: Mapping[str, str]) -> bytes:
    """Return the secret that a request shows, in its header or as Basic password, or b""."""
    shown = headers.get(SECRET_HEADER, "").encode("utf-8", errors="surrogatepass")
    if not shown:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                shown = base64.b64decode(credentials, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
    return shown if len(shown) <= MAX_SECRET_BYTES else b""


def _is_one_of(shown: bytes, secrets: tuple[bytes, ...]) -> bool:
    # Every secret is compared, on bytes and in constant time, so that time tells nothing.
    return sum(hmac.compare_digest(shown, secret) for secret in secrets) > 0
