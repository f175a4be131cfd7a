"""What several tests of settings are given."""

from collections.abc import Callable
from typing import TypeAlias

from worker.settings import Loaded

Load: TypeAlias = Callable[..., Loaded]
Problems: TypeAlias = Callable[..., list[tuple[str, str, str]]]

HERO = """
[providers.hero]
family = "handler_api"
base_url = "http://127.0.0.1:8081"
api_key = "key-in-toml"
"""
