"""`desk`: the web pages for people, over the API of a daemon; `dev` opens them, too."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
import uvloop

from worker.entrypoints.cli.client import target_of
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.options import ConfigOption
from worker.entrypoints.cli.output import say
from worker.entrypoints.cli.trigger import simulated_in
from worker.entrypoints.cli.trigger_run import PRICE_MINOR, scenarios
from worker.entrypoints.desk import DeskConfig, TryScenario, build_desk
from worker.entrypoints.http.listener import listen
from worker.entrypoints.service_manager import service_manager
from worker.settings import Settings
from worker.settings.values import ListenAddress, check_http_url, is_loopback, parse_address

TRY_WINDOW_SECONDS: Final = 20  #: How long a number of `/try` waits for its code.
DRAIN_SECONDS: Final = 2.0


def desk(
    *,
    listen_on: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Else desk.listen.")
    ] = None,
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="URL", help="The daemon's API; else desk.api or api.listen."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the web pages for support, owners and ops. Ctrl-C stops.

    They work over the HTTP API alone: whoever opens them signs in with one of its tokens, and can
    do what that token may do. `dev` serves them by itself.

    Example: activation-worker desk --api http://127.0.0.1:8080
    """
    loaded = configured(config)
    settings = loaded.settings
    url = _api_url(api) if api else target_of(settings.desk.api, None, config, loaded).url
    address = settings.desk.listen if listen_on is None else _address(listen_on)
    simulated = simulated_in(loaded) if is_loopback(url) else None
    logging.basicConfig(level=logging.WARNING, format="activation-worker: %(message)s")
    raise typer.Exit(uvloop.run(_serve(desk_config(settings, url, simulated), address)))


def desk_config(settings: Settings, api_url: str, simulated: str | None) -> DeskConfig:
    provider = None if simulated is None else settings.providers.get(simulated)
    return DeskConfig(
        api_url=api_url,
        actor_header=settings.desk.actor_header,
        behind_tls=settings.desk.behind_tls,
        simulated=simulated,
        currency="USD" if provider is None else provider.currency,
        scenarios=[] if simulated is None else _scenarios(),
        now=lambda: datetime.now(UTC),
    )


@asynccontextmanager
async def serving_desk(config: DeskConfig, address: ListenAddress) -> AsyncIterator[str]:
    """Its URL, until the block ends."""
    app = build_desk(config)
    runner = await listen(app, address.host, address.port, drain_seconds=DRAIN_SECONDS)
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{ListenAddress(str(host), int(port))}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def desk_of_dev(settings: Settings, api_url: str, provider: str) -> AsyncIterator[str]:
    """The desk of a `dev`, over its API and its simulated provider; its URL."""
    config = desk_config(settings, api_url, provider)
    async with serving_desk(config, settings.desk.listen) as url:
        yield url


def _scenarios() -> list[TryScenario]:
    return [
        TryScenario(
            name=scenario.name,
            says=scenario.says,
            service=scenario.service(TRY_WINDOW_SECONDS, None),
            cancel=scenario.cancel,
            window_seconds=TRY_WINDOW_SECONDS,
            price_minor=PRICE_MINOR,
        )
        for scenario in scenarios().values()
    ]


def _api_url(text: str) -> str:
    try:
        return check_http_url(text).rstrip("/")
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--api {error}") from None


def _address(text: str) -> ListenAddress:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise Failure(Exit.USAGE, f"--listen {error}") from None
    assert isinstance(address, ListenAddress)
    return address


async def _serve(config: DeskConfig, address: ListenAddress) -> Exit:
    stop: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
    for which, code in ((signal.SIGTERM, Exit.OK), (signal.SIGINT, Exit.INTERRUPTED)):
        asyncio.get_running_loop().add_signal_handler(which, _stop, stop, code)
    manager = service_manager(os.environ, os.getpid())
    async with serving_desk(config, address) as url:
        say(f"desk  {url}  over {config.api_url}; sign in with a token of the API")
        say("ready; Ctrl-C stops it")
        manager.ready()
        # It has no loops of its own: that this one turns is all.
        feeding = asyncio.ensure_future(manager.feed_watchdog(list))
        code = await stop
        manager.stopping()
        feeding.cancel()
        return code


def _stop(stop: "asyncio.Future[Exit]", code: Exit) -> None:
    if not stop.done():
        stop.set_result(code)
