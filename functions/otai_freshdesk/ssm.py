"""One client of the SSM Parameter Store for the life of the process."""

from functools import cache
from typing import Any


@cache
def ssm_client() -> Any:
    """Return the client; making it opens no connection, but takes a tenth of a second."""
    # Imported here: only who keeps secrets or state in SSM pays for boto3.
    import boto3  # noqa: PLC0415

    return boto3.client("ssm")
