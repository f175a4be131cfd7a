"""Tokens change without a restart: on SIGHUP the configuration of them is read again."""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from worker.entrypoints.http.auth import KnownTokens, Token, scopes_in
from worker.ports.reporter import Reporter
from worker.settings import ConfigError
from worker.settings.values import TokenSetting

ReadTokens: TypeAlias = Callable[[], Sequence[TokenSetting]]


def tokens_of(configured: Sequence[TokenSetting]) -> list[Token]:
    return [Token(token.name, scopes_in(token.scope), token.sha256) for token in configured]


def reload_tokens(tokens: KnownTokens, read: ReadTokens, reporter: Reporter) -> None:
    """A configuration with a fault in it changes nothing: the tokens of before stay."""
    try:
        configured = read()
    except ConfigError as error:
        reporter.trouble("config.reload_refused", detail=str(error))
        return
    tokens.exchange(tokens_of(configured))
    reporter.trouble("config.tokens_reloaded", detail=str(len(configured)))


@contextmanager
def reloading_on_hangup(
    tokens: KnownTokens, read: ReadTokens, reporter: Reporter, stop: asyncio.Event
) -> Iterator[None]:
    """As long as the block lasts. A terminal that was closed under the process stops it."""

    def hung_up() -> None:
        if _terminal_is_gone():
            stop.set()
        else:
            reload_tokens(tokens, read, reporter)

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
