"""`trigger`: what it asks of the daemon for each scenario, and how it judges the endings."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.unit.cli.conftest import Cli, a_dev
from tests.unit.cli.fake_daemon import FakeDaemon
from worker.domain.activation import State
from worker.entrypoints.cli.client import Document, Target, connected
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.trigger_run import (
    ScenarioRun,
    ScenarioRunner,
    completions,
    parse_scenario,
    scenarios,
)
from worker.simulator.behaviours import Behaviour, forced_by, plan

ROOT = Path(__file__).parents[3]
IN_CONTRACT = {
    "code-arrives",
    "code-late",
    "timeout",
    "cancel",
    "cancel-race",
    "provider-cancels",
    "provider-down",
    "rate-limited",
    "duplicate-code",
    "two-codes",
}
SIMULATED = """
[providers.hero]
family = "handler_api"
base_url = "https://provider.example"
api_key = "k"
[providers.pretend]
family = "handler_api"
base_url = "http://127.0.0.1:8081"
api_key = "k"
currency = "EUR"
"""


@pytest.fixture
def configured(nothing_around: Path) -> None:
    (nothing_around / "config").mkdir()
    (nothing_around / "config/worker.toml").write_text(SIMULATED)


def run(**changes: Any) -> ScenarioRun:
    return ScenarioRun(
        **{
            "id": "abc",
            "provider": "pretend",
            "service": "timeout",
            "country": "0",
            "currency": "EUR",
            "count": 1,
            "window_seconds": 20,
            "cancel": False,
            "expect": State.REFUNDED,
            "wait_seconds": 10,
            **changes,
        }
    )


async def followed(
    daemon: FakeDaemon, run: ScenarioRun, clock: Iterator[float] | None = None
) -> tuple[ScenarioRunner, list[str], list[Document]]:
    """All steps, without waiting."""
    said: list[str] = []
    changes: list[Document] = []

    async def no_sleep(_: float) -> None:
        return

    times = clock or iter(lambda: 0.0, 1.0)
    async with connected(Target(daemon.url, "operate-token")) as client:
        runner = ScenarioRunner(
            client, run, said.append, changes.append, no_sleep, lambda: next(times)
        )
        await runner.prepare()
        await runner.rent()
        await runner.press_cancel()
        await runner.follow()
    return runner, said, changes


async def test_a_run_opens_an_account_tops_it_up_rents_and_follows(daemon: FakeDaemon) -> None:
    runner, _, changes = await followed(daemon, run(count=2))

    assert daemon.calls[:2] == [
        ("PUT", "/v1/accounts/trigger-abc", {"currency": "EUR"}),
        ("POST", "/v1/accounts/trigger-abc/topups", {"reference": "abc", "amount_minor": 40}),
    ]
    assert daemon.calls[2][2] == {
        "account": "trigger-abc",
        "provider": "pretend",
        "service": "timeout",
        "country": "0",
        "price_minor": 20,
        "window_seconds": 20,
    }
    assert sorted(map(str, daemon.keys)) == ["abc:0", "abc:1"]
    assert [each["state"] for each in runner.activations.values()] == ["refunded"] * 2
    assert len(changes) == 6


async def test_a_scenario_of_two_codes_wants_both(daemon: FakeDaemon) -> None:
    chosen, _ = parse_scenario("two-codes")
    wanted = run(expect=chosen.expect, codes=chosen.codes)
    daemon.path = ("waiting", "received", "delivered")

    runner, _, _ = await followed(daemon, wanted)

    (ended,) = runner.activations.values()
    found = [runner.as_expected({**ended, "codes": ["1", "2"][:count]}) for count in range(3)]
    assert (found, wanted.expected) == ([False, False, True], "delivered, with 2 codes")


@pytest.mark.parametrize("name", ["two-codes", "duplicate-code"])
def test_both_sms_come_within_a_window_that_is_far_shorter_than_the_lifetime(name: str) -> None:
    window = 8
    scenario, _ = parse_scenario(name)
    choice = forced_by(scenario.service(window, None))
    assert choice is not None

    arrivals = plan(choice, timedelta(minutes=20), Random(1)).arrivals

    assert len(arrivals) == 2
    assert all(each.after < timedelta(seconds=window - 2) for each in arrivals)


async def test_more_numbers_than_a_page_are_followed(daemon: FakeDaemon) -> None:
    daemon.page = 2

    runner, _, _ = await followed(daemon, run(count=5))

    assert all(map(runner.as_expected, runner.activations.values()))


@pytest.mark.parametrize(
    ("refused", "told"), [("", "Cancel pressed"), ("code-received", "Cancel was refused")]
)
async def test_cancel_is_pressed_and_may_lose_the_race(
    daemon: FakeDaemon, refused: str, told: str
) -> None:
    daemon.refuse_cancel = refused

    _, said, _ = await followed(daemon, run(cancel=True))

    assert any(told in line for line in said)


async def test_another_refusal_of_cancel_is_a_failure(daemon: FakeDaemon) -> None:
    daemon.refuse_cancel = "not-offered"

    with pytest.raises(Failure) as failure:
        await followed(daemon, run(cancel=True))

    assert failure.value.code == "not-offered"


async def test_following_ends_when_the_time_is_over(daemon: FakeDaemon) -> None:
    daemon.path = ("waiting",)

    with pytest.raises(Failure, match="1 have not ended") as failure:
        await followed(daemon, run(), clock=iter([0.0, 5.0, 10.0, 10.1]))

    assert failure.value.how is Exit.GAVE_UP
    assert failure.value.hint == f"activation-worker list --account {run().account}"


@pytest.mark.parametrize("ending", ["in_review", "closed", "delivered"])
async def test_any_ending_ends_the_following(daemon: FakeDaemon, ending: str) -> None:
    daemon.path = ("waiting", ending)

    runner, _, _ = await followed(daemon, run())

    assert not any(map(runner.as_expected, runner.activations.values()))


async def test_a_state_on_the_way_can_be_expected(daemon: FakeDaemon) -> None:
    daemon.path = ("waiting", "received", "delivered")

    runner, _, _ = await followed(daemon, run(expect=State.RECEIVED))

    assert all(map(runner.as_expected, runner.activations.values()))


@pytest.mark.usefixtures("configured")
def test_the_simulated_provider_is_found_by_itself(asked: Cli, daemon: FakeDaemon) -> None:
    result = asked("trigger", "timeout", "--window", "8")

    assert result.exit_code == 0, result.stderr
    assert f"target: {daemon.url}, provider pretend (simulated)" in result.stderr
    assert "1 of 1 ended as expected: refunded" in result.stderr
    assert [line.split()[2] for line in result.stdout.splitlines()] == [
        "waiting",
        "expiring",
        "refunded",
    ]


@pytest.mark.usefixtures("configured")
def test_another_ending_ends_with_3(asked: Cli) -> None:
    result = asked("trigger", "timeout", "--expect", "delivered", "-o", "json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["expected"], document["reached"]) == (3, "delivered", 0)
    assert [each["state"] for each in document["activations"]] == ["refunded"]


@pytest.mark.usefixtures("configured")
def test_giving_up_ends_with_6(asked: Cli, daemon: FakeDaemon) -> None:
    daemon.path = ("waiting",)

    result = asked("trigger", "timeout", "--watch", "--wait-timeout", "0", "-o", "ndjson")

    assert result.exit_code == 6
    assert json.loads(result.stderr.splitlines()[-1])["error"]["code"] == "gave-up"
    assert json.loads(result.stdout)["state"] == "waiting"


@pytest.mark.usefixtures("configured")
def test_somebody_may_wait_for_ever(asked: Cli) -> None:
    result = asked("trigger", "timeout", "--wait-timeout", "inf")

    assert (result.exit_code, "1 of 1 ended as expected" in result.stderr) == (0, True)


@pytest.mark.usefixtures("configured")
def test_no_watch_ends_at_once(asked: Cli, daemon: FakeDaemon) -> None:
    result = asked("trigger", "timeout", "--no-watch", "--count", "3")

    assert (result.exit_code, len(daemon.activations)) == (0, 3)
    assert [call for call in daemon.calls if call[0] == "GET"] == []


@pytest.mark.usefixtures("configured")
def test_a_token_that_may_only_read_ends_with_4(cli: Cli, daemon: FakeDaemon) -> None:
    result = cli("trigger", "timeout", env={"AW_URL": daemon.url, "AW_TOKEN": "read-token"})

    assert (result.exit_code, "may read, not write" in result.stderr) == (4, True)


def test_a_provider_that_is_away_ends_with_5(
    asked: Cli, daemon: FakeDaemon, nothing_around: Path
) -> None:
    (nothing_around / "config").mkdir()
    (nothing_around / "config/worker.toml").write_text(SIMULATED.replace("pretend", "down"))

    assert asked("trigger", "timeout").exit_code == 5
    assert len(daemon.keys) == 1


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nonsense"], "no scenario 'nonsense'"),
        (["timeout:soon"], "seconds must be"),
        (["timeout:-1"], "seconds must be"),
        (["timeout", "--code-after", "3"], "no code comes in timeout"),
        (["code-arrives:3", "--code-after", "3"], "given twice"),
        (["timeout", "--wait-timeout", "nan"], "'--wait-timeout'"),
        (["timeout", "--provider", "hero"], "no simulated provider"),
        (["timeout", "--provider", "unknown"], "no simulated provider"),
        (["timeout", "--provider", "pretent"], "did you mean pretend?"),
        (["timout"], "did you mean timeout?"),
        (["timeout", "--provider", "hero", "--live"], "needs --service"),
        (["timeout", "--provider", "hero", "--live", "--service", "tg"], "needs a terminal"),
        (["timeout", "--service", "tg"], "--service is for --live"),
    ],
)
def test_nothing_is_rented_where_the_wish_is_unclear(
    asked: Cli, daemon: FakeDaemon, args: list[str], says: str
) -> None:
    result = asked("trigger", *args)

    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr
    assert daemon.calls == []


@pytest.mark.usefixtures("configured")
def test_a_closed_standard_input_is_no_terminal() -> None:
    command = [sys.executable, "-m", "worker", "trigger", "timeout"]
    command += ["--provider", "hero", "--live", "--service", "tg", "--url", "http://127.0.0.1:1"]

    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, "needs a terminal" in done.stderr) == (2, True), done.stderr


def test_without_a_simulated_provider_there_is_a_hint(asked: Cli) -> None:
    result = asked("trigger", "timeout")

    assert (result.exit_code, "activation-worker dev" in result.stderr) == (2, True)


def test_the_provider_of_dev_is_simulated(asked: Cli, nothing_around: Path) -> None:
    a_dev(nothing_around)

    result = asked("trigger", "timeout", "--window", "5")

    assert (result.exit_code, "provider sim (simulated)" in result.stderr) == (0, True)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("args", "service"),
    [
        (["code-arrives", "--window", "40"], "code-arrives:10"),
        (["code-arrives", "--code-after", "3.5"], "code-arrives:3.5"),
        (["provider-down:30"], "provider-down:30"),
        (["code-late", "--window", "10"], "code-late:12"),
        (["last-second", "--window", "1"], "last-second:0"),
        (["timeout"], "timeout"),
    ],
)
def test_the_service_asks_the_simulator_for_the_scenario(
    asked: Cli, daemon: FakeDaemon, args: list[str], service: str
) -> None:
    asked("trigger", *args, "--no-watch")

    assert [each["service"] for each in daemon.activations.values()] == [service]


def test_every_scenario_is_one_the_simulator_knows() -> None:
    known = scenarios()

    assert set(known) == {each.value for each in Behaviour}
    assert set(known) >= IN_CONTRACT
    for scenario in known.values():
        choice = forced_by(scenario.service(20, None))
        assert choice is not None
        assert choice.behaviour.value == scenario.name


def test_scenarios_are_complete() -> None:
    for scenario in scenarios().values():
        assert scenario.says.endswith(".")
        assert scenario.expect in {State.DELIVERED, State.REFUNDED}
        assert scenario.share is None or scenario.beyond is None
        assert not scenario.code or scenario.seconds(20) is not None


def test_scenarios_are_completed_and_shown_in_the_help(cli: Cli) -> None:
    assert [name for name, _ in completions("code")] == ["code-arrives", "code-late"]
    shown = " ".join(cli("trigger", "--help", env={"COLUMNS": "200"}).stdout.split())
    assert [name for name in scenarios() if name not in shown] == []


def test_a_scenario_may_come_with_seconds() -> None:
    scenario, seconds = parse_scenario("provider-down:2.5")

    assert (scenario.name, seconds) == ("provider-down", 2.5)
