"""`policy replay` on a real database: what a changed file would have done with what is past."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer.testing

from tests.conftest import Background
from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop
from tests.integration.store.shop import TICK, WINDOW
from tests.unit.cli.conftest import Cli, cli, nothing_around
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.policy import Profile, load_profile, override
from worker.domain.policy.language.loading import shipped_policies
from worker.entrypoints.cli.exit_codes import Exit
from worker.lifecycle.cases.replay import EndsOtherwise, Replay, Tally
from worker.lifecycle.policy_book import PolicyBook

FIXTURES = (cli, nothing_around)
SECOND = timedelta(seconds=1)
ROOT = Path(__file__).parents[3]


@dataclass
class Past:
    """A shop on an event loop of its own, because each command runs its own."""

    shop: CaseShop
    run: Callable[..., Any]
    cli: Cli
    folder: Path

    def file(self, policy: str, *edits: tuple[str, str], more: str = "") -> str:
        """The file of *policy*, changed."""
        text = (shipped_policies() / f"{policy}.toml").read_text()
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        file = self.folder / f"{policy}-changed.toml"
        file.write_text(text + more)
        return str(file)

    def ask(self, policy: str, file: str, *args: str) -> typer.testing.Result:
        env = {"AW_DATABASE__URL": self.shop.url}
        return self.cli("policy", "replay", policy, "--with", file, *args, env=env)

    def found(self, policy: str, file: str, *args: str) -> dict[str, Any]:
        result = self.ask(policy, file, *args, "--output", "json")
        assert result.exit_code == Exit.OK, result.stderr
        document: dict[str, Any] = json.loads(result.stdout)
        return document


@pytest.fixture
def past(database_url: str, background: Background, cli: Cli, tmp_path: Path) -> Iterator[Past]:
    stack = AsyncExitStack()

    async def start() -> CaseShop:
        admin = await asyncpg.connect(database_url)
        stack.push_async_callback(admin.close)
        shop = CaseShop(admin, database_url)
        stack.push_async_callback(shop.store.close)
        await shop.open_account()
        return shop

    yield Past(background.run(start()), background.run, cli, tmp_path)
    background.run(stack.aclose())


AUTOMATIC = ("[bars]", '[sms]\nauto_credit_mode = "automatic"\n\n[bars]')


def one(document: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The only one that ends otherwise: from what, to what."""
    (changed,) = document["changed"]
    return tuple(changed["from"].values()), tuple(changed["to"].values())


async def delivered_after(
    shop: CaseShop, age: timedelta, policy: str = "P0", ref: str = "9"
) -> ActivationId:
    id_ = await shop.rent_number(policy, ref)
    await shop.record_code(ref, MONDAY + age)
    await shop.end_activation(id_, State.DELIVERED)
    return id_


async def cancelled(shop: CaseShop, age: timedelta, policy: str = "P0") -> ActivationId:
    id_ = await shop.rent_number(policy)
    await shop.store.activations.press_cancels([id_], now=MONDAY + age)
    await shop.settle_cancel(id_, MONDAY + age + SECOND)
    return id_


def test_orders_that_closed_are_refunded_by_a_file_that_credits_by_itself(past: Past) -> None:
    closed = [past.run(past.shop.closed_activation("P1", ref)) for ref in ("1", "2")]
    past.run(past.shop.rent_number("P1", "3"))  # Not ended: it is not past.

    found = past.found("P1", past.file("P1", AUTOMATIC))

    assert [each["id"] for each in found["changed"]] == [str(id_) for id_ in sorted(closed)]
    assert found["changed"][0] | {"id": None} == {
        "what": "order",
        "id": None,
        "currency": "USD",
        "from": {"outcome": "closed", "reason": "timeout", "amount_minor": 0},
        "to": {"outcome": "refunded", "reason": "timeout", "amount_minor": PRICE},
    }
    assert found["orders"] == {"counted": 2, "otherwise": 2}
    assert found["money"] == [
        {
            "currency": "USD",
            "given_minor": 0,
            "would_give_minor": 2 * PRICE,
            "difference_minor": 2 * PRICE,
            "left_to_humans_minor": 0,
        }
    ]
    assert found["complete"] is True


def test_a_file_that_changes_nothing_says_so(past: Past) -> None:
    past.run(past.shop.closed_activation("P1"))
    past.run(delivered_after(past.shop, SECOND, "P1"))

    result = past.ask("P1", past.file("P1"))

    assert result.exit_code == Exit.OK
    assert result.stdout == "0 of 2 orders and 0 of 0 cases end otherwise\n"
    assert result.stderr == ""


def test_orders_and_cases_of_another_policy_are_not_asked(past: Past) -> None:
    past.run(past.shop.closed_activation("P3"))
    past.run(past.shop.open_claim(past.run(past.shop.closed_activation("P3", "2"))))

    found = past.found("P1", past.file("P1", AUTOMATIC))

    assert found["orders"] == found["cases"] == {"counted": 0, "otherwise": 0}


def test_a_claim_within_a_week_is_too_late_under_a_file_with_a_day(past: Past) -> None:
    id_ = past.run(past.shop.closed_activation("P1"))
    past.shop.set_time(MONDAY + 3 * DAY)
    case = past.run(past.shop.open_claim(id_, "non_receiving"))
    assert case.state.value != "denied"

    found = past.found("P1", past.file("P1", ("window_days = 7 ", "window_days = 1 ")))

    (changed,) = found["changed"]
    assert (changed["what"], changed["id"]) == ("claim", str(case.id))
    assert changed["from"]["outcome"] == case.decisions[-1].outcome
    assert changed["to"] == {"outcome": "deny", "reason": "claim_window_closed", "amount_minor": 0}
    assert found["cases"] == {"counted": 1, "otherwise": 1}


def test_a_code_after_a_shorter_window_would_not_have_been_delivered(past: Past) -> None:
    past.run(delivered_after(past.shop, timedelta(minutes=12)))

    shorter = past.file("P0", ("[sms]", "[sms]\nsms_window_s = 600"))

    assert one(past.found("P0", shorter)) == (
        ("delivered", "code", 0),
        ("refunded", "timeout", PRICE),
    )


def test_a_press_that_would_have_been_refused_leaves_the_number_to_its_window(past: Past) -> None:
    past.run(cancelled(past.shop, timedelta(seconds=60)))

    later = past.file("P0", more="\n[cancel]\nfrom_s = 300\n")

    assert one(past.found("P0", later)) == (
        ("refunded", "cancel", PRICE),
        ("refunded", "timeout", PRICE),
    )


def test_a_limit_counts_what_the_account_had_got_by_then(past: Past) -> None:
    ids = [past.run(past.shop.rent_number("P0", str(ref))) for ref in range(3)]
    for minutes, id_ in enumerate(ids, start=1):
        past.shop.set_time(MONDAY + WINDOW + minutes * timedelta(minutes=1))
        past.run(past.shop.end_activation(id_, State.REFUNDED))
    text = '\n[[limits]]\nof = "auto_credit"\nper = "day"\nmax_count = 2\nthen = "review"\n'

    found = past.found("P0", past.file("P0", more=text))

    assert [each["id"] for each in found["changed"]] == [str(ids[-1])]
    assert one(found) == (("refunded", "timeout", PRICE), ("in_review", "limit_reached", PRICE))


def test_a_limit_of_cancel_sends_the_press_after_the_first_to_a_human(past: Past) -> None:
    first = past.run(cancelled(past.shop, timedelta(seconds=60)))
    id_ = past.run(past.shop.rent_number("P0", "2"))
    at = MONDAY + timedelta(seconds=90)
    past.run(past.shop.store.activations.press_cancels([id_], now=at))
    past.run(past.shop.settle_cancel(id_, at + SECOND))
    text = '\n[cancel]\nmax_per_day = 1\nover_limit = "review"\n'

    found = past.found("P0", past.file("P0", more=text))

    assert [each["id"] for each in found["changed"]] == [str(id_)] != [str(first)]
    assert one(found) == (("refunded", "cancel", PRICE), ("in_review", "cancel_limit", PRICE))
    assert found["money"][0]["left_to_humans_minor"] == PRICE


def test_since_leaves_out_what_was_settled_before(past: Past) -> None:
    past.run(past.shop.closed_activation("P1"))
    file = past.file("P1", AUTOMATIC)

    def counted(since: str) -> int:
        count: int = past.found("P1", file, "--since", since)["orders"]["counted"]
        return count

    settled = MONDAY + WINDOW + TICK
    assert counted("2026-03-02") == 1
    assert counted(settled.isoformat()) == 1
    assert counted((settled + TICK).isoformat()) == 0
    assert counted("9999d") == 1


def test_an_ending_that_its_own_policy_does_not_give_either_is_not_the_files_doing(
    past: Past,
) -> None:
    id_ = past.run(past.shop.rent_number("P1"))
    past.run(past.shop.end_activation(id_, State.REFUNDED))

    found = past.found("P1", past.file("P1"))

    assert found["orders"] == {"counted": 1, "otherwise": 0}
    assert found["not_reproduced"] == 1


def test_each_line_is_one_document_and_the_last_one_has_the_sums(past: Past) -> None:
    past.run(past.shop.closed_activation("P1"))

    result = past.ask("P1", past.file("P1", AUTOMATIC), "--output", "ndjson")

    order, sums = map(json.loads, result.stdout.splitlines())
    assert (order["what"], sums["what"]) == ("order", "sums")
    assert (sums["policy"], sums["orders"]["otherwise"]) == ("P1", 1)


def test_text_names_each_with_its_money(past: Past) -> None:
    id_ = past.run(past.shop.closed_activation("P1"))

    result = past.ask("P1", past.file("P1", AUTOMATIC))

    assert result.stdout.splitlines() == [
        f"order {id_}: closed timeout 0.00 USD -> refunded timeout 3.50 USD",
        "1 of 1 orders and 0 of 0 cases end otherwise",
        "customers got 0.00 USD of these, would get 3.50 USD; humans decide 0.00 USD",
    ]


def test_nothing_is_written(past: Past) -> None:
    id_ = past.run(past.shop.closed_activation("P1"))
    past.run(past.shop.open_claim(id_, "non_receiving"))
    tables = ("activation", "settlement", "transfer", "decision", "case_", "event", "timer")

    async def rows() -> list[Any]:
        return [await past.shop.admin.fetch(f"SELECT t.*, xmin FROM {name} t") for name in tables]  # noqa: S608 - names of this test

    before = past.run(rows())

    past.found("P1", past.file("P1", AUTOMATIC))

    assert past.run(rows()) == before


def test_a_bad_file_is_78_and_what_nobody_knows_is_a_usage_error(past: Past) -> None:
    good, bad = past.file("P1"), past.folder / "bad.toml"
    bad.write_text('[cancel]\nlate = "deny"\nnonsense = 1\n')

    assert past.ask("P1", str(bad)).exit_code == Exit.BAD_CONFIG
    assert past.ask("P1", str(past.folder / "absent.toml")).exit_code == Exit.USAGE
    assert past.ask("P99", good).exit_code == Exit.USAGE
    assert past.ask("P1", good, "--since", "yesterday").exit_code == Exit.USAGE


def test_a_database_that_cannot_be_reached_is_5(cli: Cli, past: Past) -> None:
    nobody = {"AW_DATABASE__URL": "postgresql://nobody@127.0.0.1:1/none"}

    result = cli("policy", "replay", "P1", "--with", past.file("P1"), env=nobody)

    assert result.exit_code == Exit.UNREACHABLE
    assert "the database cannot be reached" in result.stderr


async def found_by(shop: CaseShop, name: str, changed: Profile, **more: Any) -> tuple[Any, ...]:
    kept = await PolicyBook({}, shop.store.policies.read).every_version()
    told: list[int] = []
    replay = Replay(
        newest_past=shop.store.policies.newest_past,
        past_orders=shop.store.policies.past_orders,
        past_cases=shop.store.policies.past_cases,
        account_of=lambda account, at: shop.store.cases.account_record(account, now=at),
        kept=kept,
        name=name,
        changed=changed,
        **more,
    )

    def progress(tally: Tally) -> None:
        told.append(tally.orders + tally.cases)

    otherwise: list[EndsOtherwise] = [each async for each in replay.run(MONDAY - DAY, progress)]
    return otherwise, replay.tally, told


async def test_pages_of_one_find_the_same_and_tell_of_progress(shop: CaseShop) -> None:
    await shop.open_account()
    for ref in ("1", "2", "3"):
        id_ = await shop.closed_activation("P1", ref)
        await shop.open_claim(id_, "non_receiving")
    changed = override(
        load_profile("P1"), {"claims.window_days": 1, "auto_credit_mode": "automatic"}
    )

    whole = await found_by(shop, "P1", changed)
    paged = await found_by(shop, "P1", changed, orders_a_page=1, cases_a_page=1)

    assert paged[:2] == whole[:2]
    assert (whole[1].orders, whole[1].cases) == (3, 3)
    assert whole[2] == []
    assert paged[2] == [1, 2, 3, 4, 5, 6]


async def test_a_human_who_is_asked_again_decides_as_he_did(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )
    await shop.give_verdict(case, grant=True)

    otherwise, tally, _ = await found_by(shop, "P3", load_profile("P3"))

    assert otherwise == []
    assert (tally.cases, tally.not_reproduced) == (1, 0)


def test_an_interrupted_replay_says_what_was_counted_so_far(past: Past, database_url: str) -> None:
    id_ = past.run(past.shop.rent_number("P0"))
    past.run(past.shop.end_activation(id_, State.REFUNDED))
    file = past.file("P0", ('auto_credit_mode = "automatic"', 'auto_credit_mode = "on_claim"'))

    async def interrupted() -> tuple[int, list[Any]]:
        async with past.shop.admin.transaction():
            # It finds the order, then waits for the cases.
            await past.shop.admin.execute("LOCK TABLE decision IN ACCESS EXCLUSIVE MODE")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "worker", "policy", "replay", "P0", "--with", file,
                "--output", "ndjson",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"AW_DATABASE__URL": database_url, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
            assert process.stdout is not None
            first = await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest = await process.stdout.read()
            return await process.wait(), [json.loads(line) for line in (first + rest).splitlines()]

    code, (order, sums) = past.run(interrupted())

    assert code == Exit.INTERRUPTED
    assert order["what"] == "order"
    assert (sums["complete"], sums["orders"]["otherwise"]) == (False, 1)


SHARE = """
[cancel]
max_ratio_bp = 4000
ratio_of = 2
over_limit = "close"
"""


def test_the_share_of_cancels_is_counted_of_the_orders_before_the_press(past: Past) -> None:
    for ref in ("1", "2", "3"):
        id_ = past.run(past.shop.rent_number("P0", ref, rented_at=MONDAY + int(ref) * SECOND))
        at = MONDAY + 10 * int(ref) * SECOND
        past.run(past.shop.store.activations.press_cancels([id_], now=at))
        past.run(past.shop.settle_cancel(id_, at + SECOND))

    found = past.found("P0", past.file("P0", more=SHARE))

    # Of the last two orders: at the second press one was not cancelled yet, at the third one was.
    assert found["orders"] == {"counted": 3, "otherwise": 1}
    assert one(found) == (("refunded", "cancel", PRICE), ("closed", "cancel", 0))


def test_an_order_that_was_taken_in_with_a_window_of_its_own_keeps_it(past: Past) -> None:
    window = timedelta(minutes=15)
    id_ = past.run(past.shop.rent_number("P0", window=window))
    past.run(past.shop.record_code(at=MONDAY + timedelta(minutes=12)))
    past.run(past.shop.end_activation(id_, State.DELIVERED))

    shorter = past.file("P0", ("[sms]", "[sms]\nsms_window_s = 600"))

    assert past.found("P0", shorter)["orders"] == {"counted": 1, "otherwise": 0}


def test_a_claim_that_waits_for_its_number_is_compared_by_what_it_waits_for(past: Past) -> None:
    id_ = past.run(past.shop.rent_number("P0"))
    past.shop.set_time(MONDAY + WINDOW + TICK)
    case = past.run(past.shop.open_claim(id_))
    assert (case.decisions[-1].outcome, case.decisions[-1].reason) == ("wait", "sms_window_open")

    same = past.found("P0", past.file("P0"))
    without = past.file(
        "P0", ('non_receiving = { decided = "log" } ', 'non_receiving = { decided = "deny" } ')
    )
    denied = past.found("P0", without)

    assert same["cases"] == {"counted": 1, "otherwise": 0}
    assert same["not_reproduced"] == 0
    assert one(denied)[0][0] == "wait"
    assert one(denied)[1][0] == "deny"


def test_facts_in_words_of_newer_code_are_counted_apart(past: Past) -> None:
    case = past.run(past.shop.open_claim(past.run(past.shop.closed_activation("P1"))))
    insert = (
        "INSERT INTO decision (subject, at, op, facts, policy, policy_version, clauses, outcome,"
        " reason, amount_minor, fee_minor, as_of, by) SELECT subject, at, op,"
        " facts || '{\"fact_of_tomorrow\": 1}', policy, policy_version, clauses, outcome, reason,"
        " amount_minor, fee_minor, as_of, by FROM decision WHERE subject = $1"
    )
    past.run(past.shop.admin.execute(insert, case.id))

    found = past.found("P1", past.file("P1"))

    assert (found["cases"]["counted"], found["unreadable"]) == (1, 1)


def test_a_version_that_is_kept_nowhere_is_compared_with_what_was_recorded(past: Past) -> None:
    past.run(past.shop.closed_activation("P1"))
    past.run(past.shop.admin.execute("DELETE FROM policy_version"))

    assert past.found("P1", past.file("P1"))["orders"] == {"counted": 1, "otherwise": 0}
    assert past.found("P1", past.file("P1", AUTOMATIC))["orders"]["otherwise"] == 1


def test_a_database_without_a_past_has_nothing_that_ends_otherwise(past: Past) -> None:
    past.run(past.shop.rent_number("P1"))

    result = past.ask("P1", past.file("P1", AUTOMATIC))

    assert result.stdout == "0 of 0 orders and 0 of 0 cases end otherwise\n"


def test_cases_about_money_and_rentals_are_decided_again(past: Past) -> None:
    past.run(past.shop.report_outage())
    withdrawal = past.run(past.shop.open_withdrawal("P3"))

    same = past.found("P3", past.file("P3"))

    assert same["cases"]["counted"] >= 1
    assert (same["cases"]["otherwise"], same["not_reproduced"]) == (0, 0)
    assert withdrawal.policy == "P3"


def test_text_says_what_the_file_does_not_explain(past: Past) -> None:
    id_ = past.run(past.shop.rent_number("P1"))
    past.run(past.shop.end_activation(id_, State.REFUNDED))

    result = past.ask("P1", past.file("P1"))

    assert "1 ended otherwise than both policies decide today" in result.stdout
