"""What an adapter gets from config.yml: its parameters as attributes, secrets resolved."""

import re
from collections.abc import Mapping
from typing import Any

from otai_freshdesk.config.errors import ConfigFileError
from otai_freshdesk.config.secrets import Secret, is_reference

ENV_VAR_SUFFIX = "_env_var"
FRESHDESK_PARAMS = (
    "freshdesk_domain",
    "freshdesk_api_key",
    "freshdesk_api_key" + ENV_VAR_SUFFIX,
    "freshdesk_url",
    "rate_limit_share",
)
_SECRET_NAME = re.compile(r".*(key|secret|token|password)")


class SecretParam:
    """A secret parameter that can be fetched anew after it was refused."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def get(self, refresh: bool) -> str:
        """Return the secret; may block.

        Args:
            refresh: past every cache.

        Raises:
            SecretError: it is missing, empty, or cannot be fetched now.
        """
        return self._secret.get(refresh=refresh)


class AdapterParams:
    """The `params` of a ticket system; its repr shows names only.

    Attribute access gives the text itself: `params.freshdesk_api_key` is the key, whether the
    configuration has it as `freshdesk_api_key: ssm:/path` or, as Open Ticket AI documents it,
    as `freshdesk_api_key_env_var: NAME`.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = dict(params)

    def __getattr__(self, name: str) -> Any:
        """Return a parameter; a secret is fetched, which may block.

        Raises:
            AttributeError: there is no such parameter.
            SecretError: a secret cannot be had.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        if (secret := self._secret(name)) is not None:
            return secret.get()
        if name not in self._params:
            raise AttributeError(f"system.params.{name} is not set in config.yml")
        return self._params[name]

    def __repr__(self) -> str:
        return f"AdapterParams({', '.join(sorted(self._params))})"

    def secret(self, name: str) -> SecretParam:
        """Return a secret parameter without fetching it.

        Raises:
            ConfigFileError: there is no such secret.
        """
        if (secret := self._secret(name)) is None:
            raise ConfigFileError(
                f"system.params.{name} is missing: give it as ssm:/path, env:NAME or file:/path"
            )
        return SecretParam(secret)

    def _secret(self, name: str) -> Secret | None:
        if variable := self._params.get(name + ENV_VAR_SUFFIX):
            return Secret(f"env:{variable}")
        value = self._params.get(name)
        return Secret(value) if isinstance(value, str) and is_reference(value) else None


def check_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `params` when no secret stands in them in clear.

    Raises:
        ValueError: naming the parameter, not its value.
    """
    for name, value in params.items():
        if _SECRET_NAME.fullmatch(name) and not (isinstance(value, str) and is_reference(value)):
            raise ValueError(
                f"{name} must be a reference: ssm:/path, env:NAME or file:/path; never its value"
            )
    return params


def check_freshdesk_params(params: Mapping[str, Any]) -> None:
    """Refuse what our own adapter would not understand.

    Raises:
        ValueError: naming the parameter, not its value.
    """
    for name in params:
        if name not in FRESHDESK_PARAMS:
            raise ValueError(
                f"params.{name}: no such setting; known are {', '.join(FRESHDESK_PARAMS)}"
            )
        if name != "rate_limit_share" and not isinstance(params[name], str):
            raise ValueError(f"params.{name} must be text; numbers are text in quotes only")
    share = params.get("rate_limit_share")
    if share is None:
        return
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
        raise ValueError("params.rate_limit_share must be a number, at least 0 and below 1")
