"""What can be wrong with a configuration.

    ConfigError
    |-- ConfigFileError     the file is missing, is not YAML, or breaks a rule of ours
    `-- SecretError         a secret is missing, empty or too weak, or cannot be fetched now

The messages name the file and the key, say what to do, and never show a secret.
"""


class ConfigError(Exception):
    """Base of every error of the configuration; the message is for administrators."""


class ConfigFileError(ConfigError):
    """config.yml cannot be used as it is."""


class SecretError(ConfigError):
    """A secret cannot be had."""
