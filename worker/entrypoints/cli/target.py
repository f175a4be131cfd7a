"""Which daemon a command talks to, and with which token."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.settings import Settings, load_settings
from worker.settings.values import ListenAddress, check_http_url, is_loopback

#: `dev` writes its token here, so that the other terminal needs no configuration.
DEV_TOKEN_FILE = Path(".state/dev/token")
DEV_PROVIDER = "sim"  #: What `dev` calls its simulated provider.
TOKEN_CHARS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    token: str | None = field(repr=False)  #: None: the daemon answers that it needs one.


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The options of the command line; None where one was not given."""

    url: str | None
    token_file: Path | None
    config: Path | None


def target_of(url: str | None, token_file: Path | None, config: Path | None) -> Target:
    """The target of a command that was called with these options."""
    return find_target(TargetOptions(url, token_file, config), os.environ)


def find_target(options: TargetOptions, environ: Mapping[str, str]) -> Target:
    """Settings are read only for what the options leave out: a client may have none."""
    token = _given_token(options, environ)
    settings = None
    if options.url is None or token is None:
        settings = load_settings(options.config, environ=environ)
    url = (options.url or _url_of(settings)).rstrip("/")
    try:
        check_http_url(url)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--url {error}") from None
    return Target(url, token or _token_of(settings, url))


def _given_token(options: TargetOptions, environ: Mapping[str, str]) -> str | None:
    if options.token_file is not None:
        return _read_token(options.token_file)
    return _usable(environ["AW_TOKEN"], "AW_TOKEN") if environ.get("AW_TOKEN") else None


def _read_token(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as stream:
            token = stream.read(TOKEN_CHARS_MAX).strip()
    except (OSError, UnicodeDecodeError):
        raise Failure(Exit.USAGE, f"the token file {file} cannot be read") from None
    return _usable(token, str(file))


def _usable(token: str, source: str) -> str:
    """Accepts NAME:SCOPE:TOKEN too, the form of the daemon's own file."""
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
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
    return f"http://{ListenAddress(here.get(listen.host, listen.host), listen.port)}"


def _token_of(settings: Settings | None, url: str) -> str | None:
    assert settings is not None
    # An operate token comes first; a read token still serves `show`.
    tokens = sorted(settings.api.tokens, key=lambda token: token.scope != "operate")
    if tokens:
        return tokens[0].secret.get_secret_value()
    if is_loopback(url) and DEV_TOKEN_FILE.is_file():
        return _read_token(DEV_TOKEN_FILE)
    return None
