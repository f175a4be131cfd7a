"""Which daemon a command talks to, and with which token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from worker.entrypoints.cli.exits import Exit, Failure
from worker.settings import Settings, load_settings
from worker.settings.values import ListenAddress, check_http_url, is_loopback

#: `dev` leaves its token here, so that the other terminal needs no configuration.
DEV_TOKEN_FILE = Path(".state/dev/token")
DEV_PROVIDER = "sim"  #: What `dev` calls its simulated provider.
TOKEN_CHARS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    token: str | None = field(repr=False)  #: None: the daemon will say that it wants one.


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said; None where it said nothing."""

    url: str | None
    token_file: Path | None
    config: Path | None


def find_target(asked: Asked, environ: Mapping[str, str]) -> Target:
    """Settings are read only for what nothing else says, so a client needs no configuration."""
    token = _token_given(asked, environ)
    settings = None
    if asked.url is None or token is None:
        settings = load_settings(asked.config, environ=environ)
    url = (asked.url or _url_of(settings)).rstrip("/")
    try:
        check_http_url(url)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--url {error}") from None
    return Target(url, token or _token_of(settings, url))


def _token_given(asked: Asked, environ: Mapping[str, str]) -> str | None:
    if asked.token_file is not None:
        return _read_token(asked.token_file)
    return _usable(environ["AW_TOKEN"], "AW_TOKEN") if environ.get("AW_TOKEN") else None


def _read_token(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            token = opened.read(TOKEN_CHARS_MAX).strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(Exit.USAGE, f"the token file {file} cannot be read") from None
    return _usable(token, str(file))


def _usable(token: str, source: str) -> str:
    """Accept NAME:SCOPE:TOKEN too: it is what the daemon's own file holds."""
    token = token.rsplit(":", maxsplit=1)[-1] if token.count(":") == 2 else token
    if not (token and token.isascii() and token.isprintable()) or " " in token:
        raise Failure(Exit.USAGE, f"{source} must hold one token")
    return token


def _url_of(settings: Settings | None) -> str:
    assert settings is not None
    listen = settings.api.listen
    if listen.port == 0:
        hint = "--url with the port that the daemon printed"
        raise Failure(Exit.USAGE, "api.listen leaves the port open", hint=hint)
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it is found on this machine
    return f"http://{ListenAddress(anywhere.get(listen.host, listen.host), listen.port)}"


def _token_of(settings: Settings | None, url: str) -> str | None:
    assert settings is not None
    # A token that may do more comes first; one that may only read still serves `show`.
    tokens = sorted(settings.api.tokens, key=lambda token: token.scope != "operate")
    if tokens:
        return tokens[0].secret.get_secret_value()
    if is_loopback(url) and DEV_TOKEN_FILE.is_file():
        return _read_token(DEV_TOKEN_FILE)
    return None
