"""`provider exposure` and `provider settle-exposure`: what is listed, what ends, and how."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
import typer.testing

from tests.conftest import Background
from tests.integration.store.shop import DEADLINE, GRACE, PRICE, SIM, TICK, Shop, after_grace
from tests.unit.cli.conftest import Cli, cli, nothing_around
from worker.adapters.store.postgres import PostgresStore
from worker.domain.ids import ActivationId
from worker.entrypoints.cli import provider as provider_commands
from worker.entrypoints.cli.exit_codes import Exit

FIXTURES = (cli, nothing_around)
NOW = DEADLINE + GRACE + TICK
NOBODY = "0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33"
CONFIG = """
[providers.sim]
family = "handler_api"
base_url = "http://127.0.0.1:9"
api_key = "key"
currency = "USD"
exposure_limit_minor = 1000
"""
Provider: TypeAlias = Callable[..., typer.testing.Result]


@dataclass
class Risk:
    """Three numbers credited without the provider's word: a day, ten days, twenty days ago."""

    provider: Provider
    ids: list[ActivationId]
    run: Callable[..., Any]
    shop: Shop

    def states(self) -> list[str]:
        rows = self.run(self.shop.rows("SELECT state FROM exposure ORDER BY opened_at DESC"))
        return [row[0] for row in rows]


async def _opened(database_url: str) -> Shop:
    store = PostgresStore(database_url, events_wanted=True)
    return Shop(store, await asyncpg.connect(database_url), database_url)


async def _credited(shop: Shop) -> list[ActivationId]:
    await shop.open()
    ids = [await shop.rent("1"), await shop.rent("2")]
    ids.append(await shop.rent("3", cost_minor=7, cost_currency="EUR"))
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_) for id_ in ids], now=NOW)
    for days, id_ in zip((1, 10, 20), ids, strict=True):
        await shop.admin.execute(
            "UPDATE exposure SET opened_at = now() - make_interval(days => $2)"
            " WHERE activation_id = $1",
            id_,
            days,
        )
    return ids


async def _closed(shop: Shop) -> None:
    await shop.admin.close()
    await shop.store.close()


@pytest.fixture
def risk(database_url: str, background: Background, cli: Cli) -> Iterator[Risk]:
    shop = background.run(_opened(database_url))
    ids = background.run(_credited(shop))

    def provider(*args: str) -> typer.testing.Result:
        return cli("provider", *args, env={"AW_DATABASE__URL": database_url})

    Path("worker.toml").write_text(CONFIG)
    yield Risk(lambda *args: provider(*args, "--config", "worker.toml"), ids, background.run, shop)
    background.run(_closed(shop))


def settle(risk: Risk, *args: str, as_: str = "loss") -> typer.testing.Result:
    return risk.provider("settle-exposure", SIM, "--as", as_, "--by", "alice", *args)


def test_open_ones_are_listed_with_what_they_wait_for_and_the_limit(risk: Risk) -> None:
    result = risk.provider("exposure", SIM)

    assert result.exit_code == 0, result.stderr
    first, *_ = (line for line in result.stdout.splitlines() if line.startswith(str(risk.ids[2])))
    assert first.split()[1:4] == ["3", "0.07", "EUR"]
    assert "its cancel goes on" in first
    assert "0.07 EUR open; the limit is in USD and does not count it" in result.stderr
    assert "0.50 USD open; nothing is rented there from 10.00 USD on" in result.stderr


def test_programs_get_a_document(risk: Risk) -> None:
    told = json.loads(risk.provider("exposure", SIM, "-o", "json").stdout)

    assert told["open"] == [
        {"currency": "EUR", "amount_minor": 7},
        {"currency": "USD", "amount_minor": 2 * PRICE},
    ]
    assert (told["limit_minor"], told["currency"]) == (1000, "USD")
    assert [one["id"] for one in told["exposures"]] == [str(id_) for id_ in reversed(risk.ids)]
    newest = told["exposures"][-1]
    assert {**newest, "since": ""} == {
        "id": str(risk.ids[0]),
        "provider_ref": "1",
        "amount_minor": PRICE,
        "currency": "USD",
        "since": "",
        "why": "pursued",
    }
    lines = risk.provider("exposure", SIM, "-o", "ndjson").stdout.splitlines()
    assert [json.loads(line) for line in lines] == told["exposures"]


def test_one_is_ended_and_said_again_it_is_still_0(risk: Risk) -> None:
    for says, now in (("ended as loss: 1 (0.25 USD)", True), ("nothing is changed", False)):
        result = settle(risk, "--activation", str(risk.ids[0]), "-o", "ndjson")

        assert result.exit_code == 0
        assert says in result.stderr
        assert json.loads(result.stdout) == {
            "id": str(risk.ids[0]),
            "amount_minor": PRICE,
            "currency": "USD",
            "state": "loss",
            "changed": now,
        }
    assert risk.states() == ["loss", "open", "open"]
    (last,) = risk.run(risk.shop.rows("SELECT detail FROM transition WHERE what = 'exposure'"))
    assert json.loads(last[0])["by"] == "alice"


@pytest.mark.parametrize(("login", "by"), [("bob", "bob"), (None, "operator")])
def test_who_says_nothing_of_himself_is_the_login_name(
    risk: Risk, monkeypatch: pytest.MonkeyPatch, login: str | None, by: str
) -> None:
    def name() -> str:
        if login is None:
            raise KeyError
        return login

    monkeypatch.setattr("getpass.getuser", name)

    risk.provider("settle-exposure", SIM, "--as", "loss", "--activation", str(risk.ids[0]))

    assert risk.run(risk.shop.one("SELECT detail ->> 'by' FROM transition ORDER BY seq DESC")) == by


def test_what_ended_otherwise_ends_with_3_and_what_is_none_with_1(risk: Risk) -> None:
    one = ("--activation", str(risk.ids[0]))
    settle(risk, *one)

    otherwise, unknown = settle(risk, *one, as_="resolved"), settle(risk, "--activation", NOBODY)

    assert (otherwise.exit_code, unknown.exit_code) == (Exit.OTHER_ENDING, Exit.FAILED)
    assert "stays so" in otherwise.stderr
    assert NOBODY in unknown.stderr
    assert risk.states() == ["loss", "open", "open"]


def test_a_wrong_word_is_corrected_by_a_further_one_and_both_stay_in_the_log(risk: Risk) -> None:
    one = str(risk.ids[0])
    settle(risk, "--activation", one)

    for says in ("ended as resolved: 1 (0.25 USD)", "nothing is changed"):
        corrected = risk.provider(
            "settle-exposure", SIM, "--as", "resolved", "--by", "bob", "--corrects", one
        )
        assert (corrected.exit_code, says in corrected.stderr) == (0, True), corrected.stderr

    assert risk.states() == ["resolved", "open", "open"]
    rows = risk.run(
        risk.shop.rows("SELECT detail FROM transition WHERE what = 'exposure' ORDER BY seq")
    )
    first, second = (json.loads(row[0]) for row in rows)
    assert (first["exposure"], first["by"]) == ("loss", "alice")
    assert (second["exposure"], second["by"]) == ("resolved", "bob")
    assert second["corrects"] == {"exposure": "loss", "by": "alice"}


def test_only_a_persons_word_can_be_corrected(risk: Risk) -> None:
    """One is open, of one the provider said what became of it, and of one it said so since."""
    open_, proven, since = risk.ids
    settle(risk, "--activation", str(since))
    risk.run(
        risk.shop.admin.execute(
            "UPDATE exposure SET state = 'loss', ended_at = now() WHERE activation_id = $1", proven
        )
    )
    risk.run(
        risk.shop.admin.execute(
            "UPDATE activation SET provider_state = 'charged' WHERE id = $1", since
        )
    )

    results = [
        settle(risk, "--corrects", str(each), as_="resolved") for each in (open_, proven, since)
    ]

    assert [each.exit_code for each in results] == [
        Exit.FAILED,  # What is open is no ending: --activation ends it.
        Exit.OTHER_ENDING,
        Exit.OTHER_ENDING,
    ]
    assert risk.states() == ["open", "loss", "loss"]


def test_a_cancel_that_the_provider_has_confirmed_since_is_corrected_to_no_loss(
    risk: Risk,
) -> None:
    one = str(risk.ids[0])
    settle(risk, "--activation", one, as_="resolved")
    confirmed = (
        "INSERT INTO transition (activation_id, what, state, detail) SELECT id, 'provider', state,"
        """ '{"provider_state": "cancelled"}' FROM activation WHERE id = $1"""
    )
    risk.run(risk.shop.admin.execute(confirmed, one))

    refused = settle(risk, "--corrects", one)

    assert refused.exit_code == Exit.OTHER_ENDING, refused.stderr
    assert risk.states() == ["resolved", "open", "open"]


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
def test_many_at_once_are_only_shown_until_it_is_said_twice(risk: Risk, form: str) -> None:
    shown = settle(risk, "--older-than", "5", "-o", form)

    assert shown.exit_code == 0
    assert "would end as loss: 2 (0.07 EUR, 0.25 USD)" in shown.stderr
    assert [str(id_) in shown.stdout for id_ in risk.ids] == [False, True, True]
    assert risk.states() == ["open", "open", "open"]

    done = settle(risk, "--older-than", "5", "--yes", "-o", form)

    assert done.exit_code == 0
    assert "ended as loss: 2 (0.07 EUR, 0.25 USD)" in done.stderr
    assert [str(id_) in done.stdout for id_ in risk.ids] == [False, True, True]
    assert risk.states() == ["open", "loss", "loss"]
    again = settle(risk, "--older-than", "5", "--yes")
    assert (again.exit_code, "nothing is changed" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--older-than", "5", "--activation", NOBODY),
        ("--activation", "7"),
        ("--older-than", "-1"),
    ],
)
def test_which_ones_must_be_said_in_one_way(risk: Risk, args: tuple[str, ...]) -> None:
    assert settle(risk, *args, "--yes").exit_code == Exit.USAGE

    assert risk.states() == ["open", "open", "open"]


@pytest.mark.parametrize("command", [("exposure",), ("settle-exposure", "--as", "loss")])
def test_a_provider_nobody_knows_is_a_mistake(risk: Risk, command: tuple[str, ...]) -> None:
    which = ("--older-than", "1") if len(command) > 1 else ()

    result = risk.provider(*command, "smi", *which)

    assert (result.exit_code, "there is no provider smi" in result.stderr) == (Exit.USAGE, True)


def test_of_more_than_fit_the_oldest_are_taken_and_that_is_said(
    risk: Risk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_commands, "LIST_MAX", 1)

    done = settle(risk, "--older-than", "0", "--yes")

    assert "the oldest 1; there may be more" in done.stderr
    assert risk.states() == ["open", "open", "loss"]


def test_when_nothing_is_open_any_more_that_is_said(risk: Risk) -> None:
    settle(risk, "--older-than", "0", "--yes")

    result = risk.provider("exposure", SIM)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "no exposure is open" in result.stderr
