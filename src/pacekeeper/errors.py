"""What can go wrong, by what the caller does next."""

from __future__ import annotations


class PacekeeperError(Exception):
    """Base of every error Pacekeeper raises on purpose. Its text never holds client data."""


class ConfigError(PacekeeperError):
    """A person must edit settings, a policy or a mapping file."""


class RetryableError(PacekeeperError):
    """The same call may succeed later: a timeout, a 5xx, an exhausted rate limit."""


class FatalError(PacekeeperError):
    """Trying again will not help: stop this source, let the others go on."""


class DataError(PacekeeperError):
    """The source answered with something that is not the data it promised."""


class PolicyError(ConfigError):
    """The policy contradicts itself or names something that does not exist."""


class PluginError(PacekeeperError):
    """A connector plugin is missing, broken or of the wrong kind.

    The text always names connector, distribution, version, reason and fix.
    """

    def __init__(
        self, *, connector: str, reason: str, fix: str, distribution: str = "unknown", version: str = "unknown"
    ) -> None:
        self.connector = connector
        self.distribution = distribution
        self.version = version
        self.reason = reason
        self.fix = fix
        super().__init__(
            f"connector {connector!r} (distribution {distribution}, version {version}): {reason}. Fix: {fix}"
        )
