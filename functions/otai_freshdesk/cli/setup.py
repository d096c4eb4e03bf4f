"""`otai-freshdesk setup`: from an account to a config.yml, and the rule to paste."""

from typing import Annotated

import typer

from otai_freshdesk.cli.errors import ExitCode
from otai_freshdesk.cli.options import DEFAULT_CONFIG, BundleOption, ConfigOption, JsonOption
from otai_freshdesk.cli.setup_options import Language, Where

__all__ = ["setup"]


def setup(  # noqa: PLR0917 - options are named on the command line
    domain: Annotated[
        str | None, typer.Option(help="The account: acme for https://acme.freshdesk.com.")
    ] = None,
    undecided: Annotated[
        list[str] | None,
        typer.Option(help="Group that counts as undecided, such as an inbox; may be repeated."),
    ] = None,
    where: Annotated[
        Where | None, typer.Option("--for", help="Where it will run; default: aws.")
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="Where secrets lie in the Parameter Store.")
    ] = "/otai-freshdesk",
    webhook_url: Annotated[
        str | None, typer.Option(help="URL of the deployed webhook, for the rule.")
    ] = None,
    store_secrets: Annotated[
        bool, typer.Option("--store-secrets", help="Put key and webhook secret into AWS.")
    ] = False,
    language: Annotated[
        Language, typer.Option(help="Language of questions and comments.")
    ] = Language.EN,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take defaults.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    bundle: BundleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose the label map for your account, write config.yml, print the rule.

    Reads groups, types and fields of the account and writes nothing there. The agent's key is
    asked for, or taken from where OTAI_API_KEY says (env:NAME, file:/path, ssm:/path). A label
    gets a group only where names and descriptions make that sure enough; the others stay null.
    Run again, it keeps what you changed in config.yml, comments too. Asks nothing with --yes or
    --json, or where no terminal is.
    """
    from otai_freshdesk.cli.setting_up import Wishes, set_up  # noqa: PLC0415 - starts ONNX Runtime

    wishes = Wishes(
        config=config,
        bundle=bundle,
        domain=domain,
        undecided=None if undecided is None else tuple(undecided),
        where=where,
        prefix=prefix,
        webhook_url=webhook_url,
        store_secrets=store_secrets,
        language=language,
        silent=yes or as_json,
        as_json=as_json,
    )
    if not set_up(wishes):
        raise typer.Exit(ExitCode.FINDINGS)
