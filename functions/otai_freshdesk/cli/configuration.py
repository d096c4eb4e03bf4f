"""From `--config` to an application that a command can use."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from otai_freshdesk.application.ports import Classifier
from otai_freshdesk.application.sweep_state import SweepStateStore
from otai_freshdesk.application.triage import Mode
from otai_freshdesk.bootstrap import Application
from otai_freshdesk.cli.bundles import bundle_folder
from otai_freshdesk.cli.errors import CommandError, ExitCode
from otai_freshdesk.cli.output import NoteHandler, warn
from otai_freshdesk.config.overlay import open_overlay
from otai_freshdesk.config.settings import Settings, load_settings
from otai_freshdesk.observability import logger

__all__ = [
    "ConfigMissingError",
    "open_application",
    "read_settings",
    "settings_now",
    "with_mode",
]


class ConfigMissingError(CommandError):
    """There is no configuration where it was looked for.

    Attributes:
        path: Where.
    """

    code = ExitCode.CONFIG

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"there is no configuration at {path}: give its path with --config or in OTAI_CONFIG"
        )


def read_settings(
    config: Path, bundle: Path | None = None, overrides: Mapping[str, str] = os.environ
) -> Settings:
    """Return the configuration, with the bundle that the command uses.

    Args:
        config: Path of config.yml.
        bundle: What beats the configuration; a configuration that names none gets the shipped one.
        overrides: Variables that beat single keys, see `config.settings.OVERRIDES`.

    Raises:
        ConfigMissingError: There is no such file.
        ConfigFileError: It cannot be used.
    """
    if not config.exists():
        raise ConfigMissingError(config)
    settings = load_settings(config, overrides)
    if bundle is None and "bundle" in settings.classifier.model_fields_set:
        return settings
    classifier = settings.classifier.model_copy(update={"bundle": bundle_folder(bundle)})
    return settings.model_copy(update={"classifier": classifier})


def settings_now(config: Path, bundle: Path | None = None) -> Settings:
    """Return the configuration with the switch laid over it as it is at this moment.

    The switch is not asked again: a dry run stays one, whatever somebody sets meanwhile.

    Raises:
        ConfigMissingError, ConfigFileError: As in `read_settings`.
    """
    settings = read_settings(config, bundle)
    switched = open_overlay(settings.overlay, warn).over(settings)
    return switched.model_copy(update={"overlay": "memory"})


def with_mode(settings: Settings, mode: Mode) -> Settings:
    """Return `settings` with another mode of triage; shadow then leaves no tag either."""
    triage = settings.triage.model_copy(update={"mode": mode, "shadow_tag": None})
    return settings.model_copy(update={"triage": triage})


def open_application(
    settings: Settings,
    *,
    classifier: Classifier | None = None,
    store: SweepStateStore | None = None,
) -> Application:
    """Return the application, its log turned into plain warnings on standard error.

    Args:
        settings: The configuration.
        classifier: Judges tickets; the configured bundle by default.
        store: Keeps the sweep's state; the configured place by default.

    Raises:
        BundleError: The bundle cannot be used.
    """
    logging.getLogger(logger.name).handlers[:] = [NoteHandler(logging.WARNING)]
    return Application(settings, classifier=classifier, store=store)
