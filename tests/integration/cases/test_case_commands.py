"""The commands `cases` and `timers` on a real API and a real database."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from tests.conftest import Background
from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.rental_order import order
from tests.unit.cli.conftest import Cli, cli, nothing_around
from tests.unit.http.caller import WRITE_TOKEN
from tests.unit.http.conftest import World, deps_over
from worker.domain.activation import State
from worker.domain.transfer import Charge
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.listener import listen
from worker.ports.store.case_view import Case, CaseState
from worker.ports.store.rentals import RentalOrder

FIXTURES = (cli, nothing_around)


async def in_review(shop: CaseShop) -> str:
    """A number that a human ends."""
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    await shop.end_activation(id_, State.IN_REVIEW, reason="sms_not_displayed")
    return str(id_)


@dataclass
class Served:
    """A shop on an event loop of its own, because each command runs its own."""

    shop: CaseShop
    url: str
    run: Callable[..., Any]
    ask: Callable[..., Any]


@pytest.fixture
def served(database_url: str, background: Background, cli: Cli) -> Iterator[Served]:
    stack = AsyncExitStack()

    async def start() -> tuple[CaseShop, str]:
        admin = await asyncpg.connect(database_url)
        stack.push_async_callback(admin.close)
        shop = CaseShop(admin, database_url)
        stack.push_async_callback(shop.store.close)
        deps = deps_over(World(read_from=shop.store.activations.activation))
        activations, books = shop.store.activations, shop.store.books
        app = build_api(replace(deps, cases=shop.service, activations=activations, books=books))
        runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
        stack.push_async_callback(runner.cleanup)
        host, port = runner.addresses[0]
        return shop, f"http://{host}:{port}"

    shop, url = background.run(start())

    def ask(*args: str) -> Any:
        known = {"AW_URL": url, "AW_TOKEN": WRITE_TOKEN, "AW_DATABASE__URL": database_url}
        return cli(*args, env=known)

    yield Served(shop, url, background.run, ask)
    background.run(stack.aclose())


async def waiting(shop: CaseShop) -> Case:
    await shop.open_account()
    return await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )


def test_a_case_in_review_is_listed_shown_and_decided(served: Served) -> None:
    case = served.run(waiting(served.shop))

    listed = served.ask("cases", "list")
    shown = served.ask("cases", "show", str(case.id))
    decided = served.ask("cases", "verdict", str(case.id), "--grant", "--note", "seen")

    assert (listed.exit_code, shown.exit_code, decided.exit_code) == (0, 0, 0)
    assert str(case.id) in listed.stdout
    assert "3.50 USD" in listed.stdout
    assert "judge_evidence" in shown.stdout
    assert "review_sla rings after 2026-03-04" in shown.stdout
    assert decided.stderr == f"{case.id} is now granted\n"
    assert served.run(served.shop.state_of(case.id)) is CaseState.GRANTED
    assert served.ask("cases", "list").stderr == "nothing waits for a human\n"


def test_a_claim_counts_from_when_the_customer_asked_and_not_from_when_it_is_entered(
    served: Served,
) -> None:
    async def two_numbers(shop: CaseShop) -> list[str]:
        await shop.open_account()
        numbers = [str(await shop.closed_activation("P1", ref)) for ref in ("1", "2")]
        shop.set_time(MONDAY + 8 * DAY)
        return numbers

    asked, entered = served.run(two_numbers(served.shop))
    claim = ("cases", "claim", "non_receiving", "-o", "json", "--activation")

    in_time = served.ask(*claim, asked, "--claim-at", "2026-03-05T13:00+01:00")
    late = served.ask(*claim, entered)

    assert json.loads(in_time.stdout)["facts"]["claim_at"] == "2026-03-05T12:00:00.000000Z"
    assert json.loads(in_time.stdout)["state"] == "in_review"  # A human sees that it came late.
    assert json.loads(late.stdout)["decision"]["reason"] == "claim_window_closed"


@pytest.mark.parametrize(
    "act", [("claim", "other", "--activation", "1"), ("withdraw", "alice", "w1")]
)
@pytest.mark.parametrize("at", ["2026-03-05T13:00", "yesterday", "0001-01-01T00:00+14:00"])
def test_an_instant_without_its_zone_is_a_usage_error(
    cli: Cli, act: tuple[str, ...], at: str
) -> None:
    asked = cli("cases", *act, "--claim-at", at, "--url", "http://127.0.0.1:1")

    assert (asked.exit_code, "not an instant with its zone" in asked.stderr) == (2, True)


def test_how_a_number_ends_is_said_with_the_verdict(served: Served) -> None:
    id_ = served.run(in_review(served.shop))

    denied = ("cases", "verdict", id_, "--deny", "--note", "seen", "--outcome", "delivered")

    assert served.ask(*denied).stderr == f"{id_} is now delivered\n"


def test_what_the_shop_took_itself_is_given_back_by_the_shop(served: Served) -> None:
    async def claimed(shop: CaseShop) -> tuple[str, str]:
        await shop.open_account()
        ours = await shop.closed_activation("P3")
        outside = await shop.closed_activation("P3", "2", charge=Charge.EXTERNAL)
        return str((await shop.open_claim(ours)).id), str((await shop.open_claim(outside)).id)

    ours, outside = served.run(claimed(served.shop))

    assert "given          3.50 USD back on the balance" in served.ask("cases", "show", ours).stdout
    assert "given          3.50 USD back by the shop" in served.ask("cases", "show", outside).stdout


async def order_in_doubt(shop: CaseShop) -> RentalOrder:
    await shop.open_account()
    ordered = order(shop)
    await shop.store.cases.begin_rental_order(ordered)
    await shop.store.cases.rental_order_unknown(ordered.id)
    return ordered


def test_an_order_of_a_rental_in_doubt_is_listed_and_decided(served: Served) -> None:
    ordered = served.run(order_in_doubt(served.shop))

    listed = served.ask("cases", "list").stdout
    denied = served.ask("cases", "verdict", str(ordered.id), "--deny", "--note", "sold")
    granted = served.ask("cases", "verdict", str(ordered.id), "--grant", "--note", "unsold")

    assert [word in listed for word in ("rental_order", str(ordered.id), "10.00 USD")] == [True] * 3
    assert (denied.exit_code, "PUT /v1/rentals/sim/" in denied.stderr) == (1, True)
    assert (granted.exit_code, granted.stderr) == (0, f"{ordered.id} is now failed\n")


def test_with_an_output_format_the_answers_are_json(served: Served) -> None:
    case = served.run(waiting(served.shop))

    listed = json.loads(served.ask("cases", "list", "--output", "json").stdout)
    line = json.loads(served.ask("cases", "list", "--output", "ndjson").stdout)
    shown = json.loads(served.ask("cases", "show", str(case.id), "-o", "json").stdout)
    done = served.ask(
        "cases", "verdict", str(case.id), "--deny", "--note", "seen", "-o", "ndjson"
    ).stdout

    assert listed == {"items": [line]}
    assert line["id"] == shown["id"] == str(case.id)
    assert json.loads(done)["case"]["state"] == "denied"


@pytest.mark.parametrize("id_", ["00000000-0000-0000-0000-000000000001", "no-uuid"])
def test_an_unknown_case_ends_with_1(served: Served, id_: str) -> None:
    shown = served.ask("cases", "show", id_)
    decided = served.ask("cases", "verdict", id_, "--grant", "--note", "seen")

    assert (shown.exit_code, decided.exit_code) == (1, 1)
    assert "no such case" in shown.stderr


def test_timers_are_listed_with_subject_date_and_delay(served: Served) -> None:
    case = served.run(waiting(served.shop))

    every = json.loads(served.ask("timers", "--all", "--output", "json").stdout)["timers"]
    untold, overdue = json.loads(served.ask("timers", "-o", "json").stdout)["timers"]
    text = served.ask("timers").stdout
    counted = served.ask("timers", "--by-kind", "-o", "json").stdout

    # The clock of the shop stands in March; the command asks the database.
    assert [(one["kind"], one["due_at"]) for one in every] == [
        (one["kind"], one["due_at"]) for one in (untold, overdue)
    ]
    assert untold["kind"] == "review_late"
    assert (overdue["kind"], overdue["subject"]) == ("review_sla", str(case.id))
    assert overdue["due_at"] == (case.opened_at + 2 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert overdue["overdue_seconds"] > 0
    assert case.opened_at > MONDAY
    assert "review_sla" in text
    kinds = {one["kind"]: one["overdue"] for one in json.loads(counted)["timers"]}
    assert kinds == {"review_sla": 1, "review_late": 1}


def test_a_claim_is_opened_about_a_rental_or_a_number(served: Served) -> None:
    async def order(shop: CaseShop) -> tuple[str, str]:
        await shop.open_account()
        return str((await shop.book_rental()).id), str(await shop.closed_activation("P1"))

    rental, number = served.run(order(served.shop))
    block = ("cases", "claim", "operator_block", "--rental", rental)

    first = served.ask(*block)
    again = served.ask(*block, "-o", "json")
    other = served.ask(*block, "--reason", "it is blocked")
    id_ = json.loads(again.stdout)["id"]
    found = ("--grant", "--note", "asked the operator", "--finding", "client_caused=false")
    granted = served.ask("cases", "verdict", id_, *found, "-o", "ndjson")
    about = ("--activation", number, "--reason", "no SMS came")
    of_number = served.ask("cases", "claim", "non_receiving", *about, "-o", "ndjson")

    assert (first.exit_code, again.exit_code, other.exit_code) == (0, 0, 1)
    assert "operator_block" in first.stdout
    assert json.loads(again.stdout)["state"] == "in_review"
    assert json.loads(granted.stdout)["case"]["moved_minor"] == 900
    assert json.loads(of_number.stdout)["state"] == "granted"


@pytest.mark.parametrize(
    "about",
    [
        (),
        ("--activation", "1", "--rental", "2"),
        ("--rental", "2", "--fact", "client_caused=false"),
    ],
)
def test_a_claim_names_one_order_and_states_no_findings(
    served: Served, about: tuple[str, ...]
) -> None:
    asked = served.ask("cases", "claim", "operator_block", *about)

    assert asked.exit_code == 2


def test_evidence_is_told_with_where_it_is(served: Served) -> None:
    async def order(shop: CaseShop) -> str:
        await shop.open_account()
        return str(await shop.delivered_activation("P3"))

    number = served.run(order(served.shop))
    claim = ("cases", "claim", "wrong_code", "--activation", number, "--evidence")

    nowhere = served.ask(*claim, "screenshot=")
    opened = served.ask(
        *claim, "screenshot=ticket-7/1.png?a=b", "--evidence", "photo", "-o", "json"
    )

    assert (nowhere.exit_code, "not KIND or KIND=WHERE" in nowhere.stderr) == (2, True)
    case = json.loads(opened.stdout)
    assert case["facts"]["evidence"] == ["photo", "screenshot"]
    screenshot = {"kind": "screenshot", "reference": "ticket-7/1.png?a=b"}
    assert case["evidence"][0]["content"]["pieces"] == [screenshot]


def test_a_number_in_review_is_shown_with_its_reason_and_its_date(served: Served) -> None:
    id_ = served.run(in_review(served.shop))

    shown = served.ask("show", id_).stdout

    assert "since 2026-03-02 10:20:00, because: sms_not_displayed (P3.23)" in shown
    assert "decide by" in shown
    assert "2026-03-04 10:20:00" in shown


def test_more_reviews_than_a_page_holds_are_listed_all_the_same(served: Served) -> None:
    async def many(shop: CaseShop) -> None:
        await shop.open_account(amount_minor=100_000)
        await asyncio.gather(
            *(shop.report_account_event("rules_block", "P0", str(n)) for n in range(9))
        )

    served.run(many(served.shop))

    listed = served.ask("cases", "list", "--limit", "201", "-o", "json")
    assert len(json.loads(listed.stdout)["items"]) == 9


def test_everything_that_is_told_in_a_case_has_its_command(served: Served) -> None:
    async def defect(shop: CaseShop) -> str:
        await shop.open_account()
        return str(
            (await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")).id
        )

    id_ = served.run(defect(served.shop))

    def told(step: str, *more: str) -> dict[str, Any]:
        result = served.ask("cases", step, id_, *more, "-o", "json")
        assert result.exit_code == 0, result.output
        shown: dict[str, Any] = json.loads(result.stdout)
        return shown

    told("access", "requested")
    told("access", "granted")
    told("choice", "replacement", "--value", "350")
    told("note", "he is in a hurry")
    said = [entry["what"] for entry in told("rectified")["evidence"]]
    contested = served.ask("cases", "contest", id_, "--reason", "it is broken again")

    steps = ["access_requested", "access_granted", "choice", "note", "rectified"]
    assert said[-len(steps) :] == steps
    assert (contested.exit_code, "The case is closed" in contested.stderr) == (1, True)
    text = served.ask("cases", "show", id_).stdout
    assert "he is in a hurry" in text
    refused = served.ask("cases", "rectified", id_[-8:])
    assert (refused.exit_code, "not a whole id" in refused.stderr) == (2, True)


def test_a_withdrawal_is_asked_for_noted_and_paid_by_commands(served: Served) -> None:
    served.run(served.shop.open_account(amount_minor=1000, policy="P3"))
    fields = ("amount", "payment_system", "details", "reason", "email")
    asks = [part for field in fields for part in ("--field", field)]

    asked = served.ask(
        *("cases", "withdraw", "alice", "w1", "--amount", "600", "--channel", "form"),
        *("--reason", "I leave", *asks, "-o", "json"),
    )
    id_ = json.loads(asked.stdout)["id"]
    noted = served.ask("cases", "note", id_, "asked twice", "-o", "json")
    served.ask("cases", "verdict", id_, "--grant", "--note", "ok")
    paid = served.ask("cases", "paid", id_, "-o", "json")
    listed = served.ask("cases", "list", "--kind", "withdrawal", "-o", "json")
    account = served.ask("account", "show", "alice").stdout
    served.ask("account", "note", "alice", "paid by hand")
    blocked = served.ask("account", "event", "alice", "rules_block", "-o", "json")

    assert json.loads(noted.stdout)["evidence"][-1]["content"] == {"note": "asked twice"}
    assert json.loads(paid.stdout)["state"] == "paid"
    assert [item["id"] for item in json.loads(listed.stdout)["items"]] == [id_]
    assert "4.00 USD" in account
    assert "paid by hand" in served.ask("account", "show", "alice").stdout
    assert json.loads(blocked.stdout)["kind"] == "account"
    assert "alice" in served.ask("account", "list").stdout
