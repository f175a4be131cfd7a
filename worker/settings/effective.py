"""The settings as they are in effect, one line per key, with nothing secret in them."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from worker.settings.keys import dotted, known_paths
from worker.settings.load import Loaded
from worker.settings.values import TokenSetting

MASK = "********"
_URLS = {("database", "url"), ("redis", "url")}


class Setting(NamedTuple):
    key: str
    value: str | int | float | list[str] | None
    source: str


def effective(loaded: Loaded) -> Iterator[Setting]:
    for key in known_paths(frozenset(loaded.settings.providers)):
        value: object = loaded.settings
        for part in key:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if key in _URLS and isinstance(value, SecretStr):
            value = masked_url(value.get_secret_value())
        yield Setting(dotted(key), _shown(value), loaded.origins.of(key))


def _shown(value: object) -> str | int | float | list[str] | None:
    match value:
        case SecretStr():
            return MASK
        case tuple():
            return [f"{t.name}:{t.scope}:{MASK}" for t in value if isinstance(t, TokenSetting)]
        case None | int() | float():
            return value
        case _:
            return str(value)


def masked_url(url: str) -> str:
    """The URL without its passwords, in the authority or in the query."""
    split = urlsplit(url)
    user, at, host = split.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{MASK if colon else ''}{at}{host}"
    query = [(k, MASK if "pass" in k.lower() else v) for k, v in parse_qsl(split.query)]
    return urlunsplit(split._replace(netloc=netloc, query=urlencode(query, safe="*/")))
