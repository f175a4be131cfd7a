"""An account belongs to one policy: what is about its money is decided by that one."""

from pathlib import Path

import pytest

from tests.integration.cases.case_shop import HOUR, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import ALICE
from worker.bootstrap import open_worker
from worker.entrypoints.cli.doctor import Health, database
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.ports.store.books import AccountOpened, AccountPolicy
from worker.ports.store.case_view import CaseState
from worker.ports.store.cases import CaseOpenOutcome
from worker.settings import load_settings


async def test_an_account_is_judged_by_the_policy_it_belongs_to(shop: CaseShop) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P2", "P3"))
    await shop.store.books.top_up(ALICE, "first", 1000)

    own = await shop.service.open_withdrawal(ALICE, "w1", {}, None)
    other = await shop.service.open_withdrawal(ALICE, "w2", {}, "P3")

    assert own is not None
    assert own.case is not None
    assert own.case.policy == "P2"
    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert await shop.fetch_value("SELECT count(*) FROM case_") == 1


async def test_an_account_of_before_belongs_to_the_policy_of_its_oldest_order(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    await shop.rent_number("P4", "2", rented_at=MONDAY + HOUR)
    await shop.rent_number("P2", "1", rented_at=MONDAY)
    shown = await shop.store.books.account(ALICE)
    assert shown is not None
    assert shown.policy == "P2", "what is shown is what it will be judged by"

    other = await shop.service.open_withdrawal(ALICE, "w1", {}, "P4")
    how, named = await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P4", "P3"))
    own = await shop.service.open_withdrawal(ALICE, "w1", {}, None)

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert (how, named.policy) == (AccountOpened.OTHER_POLICY, "P2")
    assert own is not None
    assert own.case is not None
    assert own.case.policy == "P2"
    assert await shop.fetch_value("SELECT policy FROM account") == "P2"


async def test_an_account_of_before_without_an_order_belongs_to_the_default(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)

    other = await shop.service.account_event(ALICE, AccountEventReport("rules_block"), "P2")
    own = await shop.service.account_event(ALICE, AccountEventReport("rules_block"), None)

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert own is not None
    assert own.case is not None
    assert (own.case.policy, await shop.fetch_value("SELECT policy FROM account")) == ("P3", "P3")


async def without_its_file(shop: CaseShop) -> None:
    """An account of P4, which the shop takes away before it starts its worker again."""
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P4", "P3"))
    await shop.store.books.top_up(ALICE, "first", 1000)
    shop.start_again({name: made for name, made in shop.policies.items() if name != "P4"})


async def test_a_withdrawal_under_a_policy_without_a_file_is_for_a_human_to_decide(
    shop: CaseShop,
) -> None:
    await without_its_file(shop)

    opened = await shop.service.open_withdrawal(ALICE, "w1", {"amount_minor": 400}, None)

    assert opened is not None
    assert opened.case is not None
    case = opened.case
    assert (case.state, case.policy, last_reason(case)) == (
        CaseState.IN_REVIEW,
        "P4",
        "policy_version",
    )
    (review,) = await shop.service.reviews(5)
    assert (review.case, review.by_when is not None) == (case.id, True)
    await shop.give_verdict(case, grant=True, amount_minor=300)
    await shop.mark_paid(case)
    assert await shop.balances() == (700, 0)
    assert [found for found in await shop.store.books.audit() if found.violations] == []


async def test_a_policy_without_a_file_is_no_other_policy_of_the_account(shop: CaseShop) -> None:
    await without_its_file(shop)

    other = await shop.service.open_withdrawal(ALICE, "w1", {}, "P2")
    unknown = await shop.service.open_withdrawal(ALICE, "w2", {}, "P5")

    assert other is not None
    assert other.how is CaseOpenOutcome.OTHER_POLICY
    assert unknown is None


@pytest.mark.parametrize(
    ("event", "state"),
    [("law_enforcement_block", "blocked"), ("rules_block", "blocked"), ("chargeback", "open")],
)
async def test_what_is_told_of_an_account_holds_though_its_policy_has_no_file(
    shop: CaseShop, event: str, state: str
) -> None:
    await without_its_file(shop)

    told = await shop.service.account_event(ALICE, AccountEventReport(event), None)
    asked = await shop.service.open_withdrawal(ALICE, "w1", {}, None)

    assert told is not None
    assert told.case is not None
    assert told.case.state is CaseState.IN_REVIEW
    assert await shop.fetch_value("SELECT state FROM account") == state
    assert asked is not None
    assert asked.case is not None
    assert asked.case.state is CaseState.IN_REVIEW


async def test_accounts_of_a_policy_without_a_file_are_told_at_a_start_and_by_doctor(
    shop: CaseShop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.store.books.open_account(ALICE, "USD", AccountPolicy("P4", "P3"))
    await shop.admin.execute("UPDATE account SET policy = 'gold'")
    config = tmp_path / "worker.toml"
    config.write_text(f'[database]\nurl = "{shop.url}"\n')

    assert await shop.store.policies.accounts_without(["P4", "gold"]) == {}
    async with open_worker(load_settings(config, environ={})):
        pass

    written = capsys.readouterr().err
    assert "policy.file_gone" in written
    assert "gold: 1 accounts" in written
    gone = {one.name: one for one in await database(shop.store, ["P4"])}["policy gold"]
    assert gone.health is Health.WARNING
    assert "1 accounts" in gone.says
