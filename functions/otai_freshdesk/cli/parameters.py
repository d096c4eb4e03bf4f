"""Sets what a deployment keeps in the Parameter Store; behind `make secrets`, `make off` and so on.

    python -m otai_freshdesk.cli.parameters secrets --prefix /otai-freshdesk
    python -m otai_freshdesk.cli.parameters off|shadow|live --prefix /otai-freshdesk

Secrets are asked for, never taken from the command line, where every user of a machine sees them.
"""

import argparse
import json
import secrets
import sys
from collections.abc import Callable, Sequence
from getpass import getpass
from typing import Any

from otai_freshdesk.application.triage import Mode
from otai_freshdesk.cli.errors import ExitCode, exit_code, sentence
from otai_freshdesk.config.secrets import MIN_WEBHOOK_SECRET
from otai_freshdesk.ssm import ssm_client

type Ask = Callable[[str], str]

NEW = "new"


def put_secrets(ssm: Any, prefix: str, ask: Ask) -> str | None:
    """Ask for the API key and the webhook's secret, and store both as SecureStrings.

    An empty answer leaves what is there; a missing webhook secret is made. The answer `new` makes
    another one and keeps the present one valid beside it, until the rule in Freshdesk is changed.

    Args:
        ssm: A client of the Parameter Store.
        prefix: Where the parameters are, as the template's defaults have it.
        ask: Asks for one value without showing it.

    Returns:
        The webhook's secret when it was made here, to be copied into the Freshdesk rule.

    Raises:
        ValueError: The webhook's secret is too short; nothing was stored.
    """
    key = ask("Freshdesk API key (empty leaves it): ").strip()
    given = ask(
        f"Webhook secret, {MIN_WEBHOOK_SECRET} characters or more (empty leaves it or makes the "
        f"first, {NEW} makes another one): "
    ).strip()
    return store_secrets(ssm, prefix, key, given)


def store_secrets(ssm: Any, prefix: str, key: str, webhook_secret: str) -> str | None:
    """Store the API key and the webhook's secret; see `put_secrets` for what empty ones mean.

    Raises:
        ValueError: The webhook's secret is too short; nothing was stored.
    """
    present = _present(ssm, f"{prefix}/webhook-secret")
    made = secrets.token_hex(32) if _wants_new(webhook_secret, present) else None
    if not made and 0 < len(webhook_secret) < MIN_WEBHOOK_SECRET:
        raise ValueError(f"the webhook's secret needs at least {MIN_WEBHOOK_SECRET} characters")
    if key:
        _put(ssm, f"{prefix}/api-key", key, "SecureString")
    if secret := made or webhook_secret:
        lines = [secret, *present.splitlines()[:1]] if webhook_secret == NEW else [secret]
        _put(ssm, f"{prefix}/webhook-secret", "\n".join(lines), "SecureString")
    return made


def _wants_new(webhook_secret: str, present: str) -> bool:
    return webhook_secret == NEW or not (webhook_secret or present)


def put_switch(ssm: Any, prefix: str, mode: Mode) -> None:
    """Switch triage; the functions notice within a minute. Thresholds in the switch stay."""
    name = f"{prefix}/switch"
    try:
        document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except (ssm.exceptions.ParameterNotFound, ValueError):
        document = {}
    thresholds = document.get("min_confidence") if isinstance(document, dict) else None
    switch = {"mode": mode.value} | ({"min_confidence": thresholds} if thresholds else {})
    _put(ssm, name, json.dumps(switch), "String")


def _present(ssm: Any, name: str) -> str:
    """Return a parameter's value, "" when there is none."""
    try:
        return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return ""


def _put(ssm: Any, name: str, value: str, kind: str) -> None:
    ssm.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Sets parameters of a deployment")
    parser.add_argument("what", choices=["secrets", *(mode.value for mode in Mode)])
    parser.add_argument("--prefix", default="/otai-freshdesk")
    options = parser.parse_args(arguments)
    try:
        return _run(options.what, options.prefix)
    except (KeyboardInterrupt, EOFError):
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Exception as error:
        if exit_code(error) is ExitCode.UNEXPECTED:
            raise
        print(f"error: {sentence(error)}", file=sys.stderr)
        return exit_code(error)


def _run(what: str, prefix: str) -> int:
    if what != "secrets":
        put_switch(ssm_client(), prefix, Mode(what))
        print(f"{prefix}/switch: {what}, within a minute")
        return ExitCode.DONE
    try:
        made = put_secrets(ssm_client(), prefix, getpass)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.FINDINGS
    if made:
        print(f"Webhook secret, for the Freshdesk rule: {made}")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
