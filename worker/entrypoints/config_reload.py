"""What changes without a restart: on SIGHUP the configuration is read again for it."""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from worker.adapters.telemetry.logs import set_log_level
from worker.entrypoints.http.access_log import AccessSwitch
from worker.entrypoints.http.auth import KnownTokens, Token, scopes_in
from worker.ports.reporter import Reporter
from worker.settings import ConfigError, Settings
from worker.settings.values import SAFE_TOKEN_CHARS, ConfigProblem, TokenSetting

ReadSettings: TypeAlias = Callable[[], Settings]


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Settings that take effect while the daemon runs: who may call, and what is logged."""

    tokens: KnownTokens
    access: AccessSwitch

    @classmethod
    def of(cls, settings: Settings) -> "LiveSettings":
        tokens = KnownTokens(tokens_of(settings.api.tokens))
        return cls(tokens, AccessSwitch(on=settings.log.access))

    def check(self, settings: Settings) -> None:
        """Raises `ConfigError` for tokens that look like half of a file: SIGHUP came too early."""
        known, tokens = self.tokens.digests, settings.api.tokens
        messages = [
            f"{token.name!r} is new and has fewer than {SAFE_TOKEN_CHARS} characters"
            for token in tokens
            if token.weak and token.sha256 not in known
        ]
        if known and not tokens:
            messages.append("none are left; a restart takes that")
        if messages:
            problems = [ConfigProblem("api.tokens", "read again", each) for each in messages]
            raise ConfigError(problems)

    def take(self, settings: Settings) -> None:
        self.tokens.exchange(tokens_of(settings.api.tokens))
        self.access.on = settings.log.access
        set_log_level(settings.log.level)


def tokens_of(configured: Sequence[TokenSetting]) -> list[Token]:
    return [Token(token.name, scopes_in(token.scope), token.sha256) for token in configured]


def reload(live: LiveSettings, read: ReadSettings, reporter: Reporter) -> None:
    """A configuration with a fault in it changes nothing: all stays as it was."""
    try:
        settings = read()
        live.check(settings)
    except ConfigError as error:
        reporter.trouble("config.reload_refused", detail=str(error))
        return
    live.take(settings)
    access = "on" if settings.log.access else "off"
    detail = f"{len(settings.api.tokens)} tokens, level {settings.log.level}, access log {access}"
    reporter.trouble("config.reloaded", detail=detail)


@contextmanager
def reloading_on_hangup(
    live: LiveSettings, read: ReadSettings, reporter: Reporter, stop: asyncio.Event
) -> Iterator[None]:
    """As long as the block lasts. A terminal that was closed under the process stops it."""

    def hung_up() -> None:
        if _terminal_is_gone():
            stop.set()
        else:
            reload(live, read, reporter)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _terminal_is_gone() -> bool:
    try:
        os.tcgetpgrp(sys.stderr.fileno())
    except OSError as error:
        return error.errno == errno.EIO  # ENOTTY: there never was one.
    return False
