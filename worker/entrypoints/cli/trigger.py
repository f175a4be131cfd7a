"""`trigger`: rent test activations that follow a scenario, and see how they end."""

import asyncio
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from worker.domain.activation import State
from worker.entrypoints.cli.activations import change_line
from worker.entrypoints.cli.client import DEV_PROVIDER, Target, connected, target_of
from worker.entrypoints.cli.configured import configured
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.cli.interrupts import GO_ON, when_interrupted
from worker.entrypoints.cli.options import ConfigOption, TokenFileOption, UrlOption
from worker.entrypoints.cli.output import Format, OutputOption, say, write_json, write_line
from worker.entrypoints.cli.trigger_run import (
    SECONDS_MAX,
    Scenario,
    ScenarioRun,
    completions,
    parse_scenario,
)
from worker.settings import Loaded
from worker.settings.values import is_loopback

COUNT_MAX = 1_000
PATIENCE_SECONDS = 180  #: Beyond the window: the grace, and a provider that recovers late.


def trigger(  # noqa: PLR0913 - each is an option
    *,
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO[:SECONDS]",
            autocompletion=completions,
            help="code-arrives, code-late, last-second, timeout, cancel, cancel-race, "
            "provider-cancels, provider-down, rate-limited, duplicate-code, two-codes or slow.",
        ),
    ],
    provider: Annotated[
        str | None, typer.Option(help="Where to rent; else the simulated one.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=COUNT_MAX, help="How many to rent.")] = 1,
    window: Annotated[
        int, typer.Option(min=1, max=SECONDS_MAX, help="How long a code is waited for, seconds.")
    ] = 20,
    code_after: Annotated[
        float | None, typer.Option(min=0, max=SECONDS_MAX, help="When the code comes, seconds.")
    ] = None,
    expect: Annotated[
        State | None, typer.Option(help="The ending to expect; else the scenario's.")
    ] = None,
    watch: Annotated[bool, typer.Option(help="Follow them to their endings.")] = True,
    wait_timeout: Annotated[
        float | None,
        typer.Option(
            min=0, help=f"Give up after so many seconds; else window + {PATIENCE_SECONDS}."
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Allow a real provider: costs money.")
    ] = False,
    service: Annotated[str | None, typer.Option(help="With --live: what to rent for.")] = None,
    country: Annotated[str, typer.Option(help="Where to rent, as the provider says it.")] = "0",
    url: UrlOption = None,
    token_file: TokenFileOption = None,
    config: ConfigOption = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Rent test activations that behave as asked, and follow them to their endings.

    Real activations through the real API of the running daemon (start one
    with `dev`): an account is opened and topped up, numbers are rented,
    watched, ended and settled. The simulated provider behaves as the scenario
    says. Ends with 0 when all ended as expected, 3 when one did not, 6 when
    the time to wait was over.

    Examples:
      activation-worker trigger timeout
      activation-worker trigger code-arrives --count 50 --code-after 3
      activation-worker trigger provider-down:30 --window 10
      activation-worker trigger cancel --expect refunded --output ndjson
    """
    chosen, seconds = parse_scenario(scenario)
    loaded = configured(config)
    target = target_of(url, token_file, config, loaded)
    name = provider or _simulated_or_failure(loaded)
    simulated = _is_simulated(name, loaded)
    _refuse_unknown(name, loaded, url)
    _refuse_unconfirmed(name, simulated=simulated, live=live, service=service)
    terms = loaded.settings.providers.get(name)
    run = ScenarioRun(
        id=secrets.token_hex(6),
        provider=name,
        service=service or chosen.service(window, _code_after(chosen, seconds, code_after)),
        country=country,
        currency=terms.currency if terms else "USD",
        count=count,
        window_seconds=window,
        cancel=chosen.cancel,
        expect=expect or chosen.expect,
        codes=chosen.codes if simulated and expect is None else None,
        wait_seconds=window + PATIENCE_SECONDS if wait_timeout is None else wait_timeout,
    )
    kind = "simulated" if simulated else "REAL"
    say(f"target: {target.url}, provider {name} ({kind})\n{chosen.name}: {chosen.says}")
    raise typer.Exit(asyncio.run(_run(run, target, output, watch=watch)))


def _code_after(
    scenario: Scenario, seconds: float | None, code_after: float | None
) -> float | None:
    if code_after is None:
        return seconds
    if not scenario.code or seconds is not None:
        why = "it is given twice" if scenario.code else f"no code comes in {scenario.name}"
        raise Failure(Exit.USAGE, f"--code-after: {why}")
    return code_after


def simulated_in(loaded: Loaded) -> str | None:
    """The first simulated provider there is."""
    return next((name for name in _providers(loaded) if _is_simulated(name, loaded)), None)


def _simulated_or_failure(loaded: Loaded) -> str:
    name = simulated_in(loaded)
    if name is not None:
        return name
    hint = "start `activation-worker dev` here, or name one with --provider"
    raise Failure(Exit.USAGE, "no simulated provider is configured", hint=hint)


def _providers(loaded: Loaded) -> list[str]:
    """Those that are configured, and the simulated one of the `dev` that is used."""
    return [*loaded.settings.providers, *([DEV_PROVIDER] if loaded.context else [])]


def _is_simulated(name: str, loaded: Loaded) -> bool:
    """Whether it is on this machine, or the provider of a `dev`."""
    configured = loaded.settings.providers.get(name)
    if configured is not None:
        return is_loopback(configured.base_url)
    return name == DEV_PROVIDER and loaded.context is not None


def _refuse_unknown(name: str, loaded: Loaded, url: str | None) -> None:
    """A daemon elsewhere may have providers that this machine's configuration does not name."""
    known = _providers(loaded)
    near = did_you_mean(name, known)
    if name not in known and (near or url is None):
        there = f"there are: {', '.join(known)}" if known else "none is configured"
        raise Failure(Exit.USAGE, f"no provider {name!r}; {there}{near}")


def _refuse_unconfirmed(name: str, *, simulated: bool, live: bool, service: str | None) -> None:
    """Refuses a real provider, unless --live and its name typed on a terminal confirm it."""
    if simulated:
        if service is not None:
            raise Failure(Exit.USAGE, "--service is for --live: the scenario is the service")
        return
    if not live:
        message = f"{name} is no simulated provider (its base_url is not on this machine)"
        raise Failure(
            Exit.USAGE, message, hint="--live --service S --country C, to spend real money"
        )
    if service is None:
        raise Failure(Exit.USAGE, "--live needs --service: a real provider knows no scenarios")
    if sys.stdin is None or not sys.stdin.isatty():  # None: it is closed.
        raise Failure(Exit.USAGE, "--live asks for a confirmation: it needs a terminal")
    if typer.prompt(f"This rents REAL numbers. Type {name} to go on", err=True) != name:
        raise Failure(Exit.USAGE, "not confirmed; nothing was rented")


async def _run(run: ScenarioRun, target: Target, output: Format, *, watch: bool) -> Exit:
    from worker.entrypoints.cli.trigger_run import ScenarioRunner

    def changed(activation: dict[str, Any]) -> None:
        if output is Format.NDJSON:
            write_json(activation)
        elif output is Format.TEXT:
            write_line(change_line(activation, datetime.now(UTC)))

    async with connected(target) as daemon:
        runner = ScenarioRunner(daemon, run, say, changed, asyncio.sleep, time.monotonic)
        await runner.prepare()
        await runner.rent()
        await runner.press_cancel()
        if watch:
            with when_interrupted(f"{GO_ON}: activation-worker list --account {run.account}"):
                await runner.follow()
    activations = list(runner.activations.values())
    reached = sum(map(runner.as_expected, activations))
    if output is Format.JSON:
        document = {"expected": run.expect.value, "reached": reached, "account": run.account}
        write_json({**document, "activations": activations}, indent=True)
    return _exit_code(run, reached, watch=watch)


def _exit_code(run: ScenarioRun, reached: int, *, watch: bool) -> Exit:
    if not watch:
        say(f"not followed; see: activation-worker list --account {run.account}")
        return Exit.OK
    say(f"{reached} of {run.count} ended as expected: {run.expected}")
    if reached == run.count:
        return Exit.OK
    say(f"  see: activation-worker list --account {run.account}")
    return Exit.OTHER_ENDING
