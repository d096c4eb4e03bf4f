"""What can be wrong with a configuration.

    ConfigError
    |-- ConfigFileError         the file is missing, is not YAML, or breaks a rule of ours
    |   `-- NotFreshdeskError   it names another ticket system than the command can read
    `-- SecretError             a secret is missing, empty or too weak, or cannot be fetched now

The messages name the file and the key, say what to do, and never show a secret.
"""


class ConfigError(Exception):
    """Base of every error of the configuration; the message is for administrators."""


class ConfigFileError(ConfigError):
    """config.yml cannot be used as it is."""


class NotFreshdeskError(ConfigFileError):
    """The configured ticket system is another one than Freshdesk, so its past cannot be read.

    Attributes:
        provider_key: Its name in the configuration.
    """

    def __init__(self, provider_key: str) -> None:
        self.provider_key = provider_key
        super().__init__(
            "config.yml: system.provider_key: past tickets can be read from Freshdesk only, not "
            f"through {provider_key}: export them to a file (train --tickets FILE, backtest --file "
            "FILE)"
        )


class SecretError(ConfigError):
    """A secret cannot be had."""
