"""The configuration of the daemon: read, checked, and traced to where each value came from."""

from worker.settings import dev_context
from worker.settings.load import Loaded, load, load_settings
from worker.settings.model import ProviderSettings, Settings
from worker.settings.values import ConfigError, ConfigProblem

__all__ = [
    "ConfigError",
    "ConfigProblem",
    "Loaded",
    "ProviderSettings",
    "Settings",
    "dev_context",
    "load",
    "load_settings",
]
