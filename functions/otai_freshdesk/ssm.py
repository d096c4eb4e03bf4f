"""One client of the SSM Parameter Store for the life of the process."""

from functools import cache
from typing import Any


@cache
def ssm_client() -> Any:
    """Return the client; making it opens no connection, but takes a tenth of a second.

    It gives up within seconds, so that a Parameter Store that hangs leaves the webhook time to
    answer (botocore's own limit is a minute an attempt).
    """
    # Imported here: only who keeps secrets or state in SSM pays for boto3.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    patience = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return boto3.client("ssm", config=patience)
