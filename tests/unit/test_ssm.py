"""The one client of the Parameter Store."""

from typing import Any

import pytest

from otai_freshdesk.ssm import ssm_client


@pytest.mark.usefixtures("ssm")
def test_a_parameter_store_that_hangs_cannot_eat_the_webhooks_deadline() -> None:
    config: Any = ssm_client().meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
