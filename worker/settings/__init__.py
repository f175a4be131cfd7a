"""The configuration of the daemon: read, checked, and traced to where each value came from."""

from worker.settings.errors import ConfigError, Problem
from worker.settings.load import Loaded, load, load_settings
from worker.settings.model import Provider, Settings

__all__ = ["ConfigError", "Loaded", "Problem", "Provider", "Settings", "load", "load_settings"]
