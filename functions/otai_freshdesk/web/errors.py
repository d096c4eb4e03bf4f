"""Requests we do not take, and the one place that says which HTTP status they get.

    RequestError
    |-- TooLargeError            413
    |-- UnsupportedTypeError     415
    |-- UnauthorisedError        401
    |-- UnprocessableError       422
    `-- NotReadyError            503   our own fault, before the ticket's id is known

The messages go to the caller: they say nothing about secrets or the text that was sent.
"""

from http import HTTPStatus
from typing import ClassVar


class RequestError(Exception):
    """Base of every request that is answered with an error; `status` is the HTTP status."""

    status: ClassVar[HTTPStatus]


class TooLargeError(RequestError):
    """The body is larger than a webhook's can be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedTypeError(RequestError):
    """The body is neither JSON nor a form."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnauthorisedError(RequestError):
    """The webhook secret is missing or wrong."""

    status = HTTPStatus.UNAUTHORIZED


class UnprocessableError(RequestError):
    """No ticket id can be found in the body."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotReadyError(RequestError):
    """We cannot check requests now; Freshdesk will try again, and the sweep finds the ticket."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
