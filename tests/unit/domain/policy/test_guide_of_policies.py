"""The guide for shop owners: every block is a file without problems, every key stands in it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.domain.policy.sentence_cases import (
    DAY,
    HOUR,
    PRICE,
    RENTAL,
    SECOND,
    US,
    answer,
    ask,
)
from worker.domain.policy import Profile
from worker.domain.policy.checking import problems_of
from worker.domain.policy.language.loading import load_file
from worker.domain.policy.language.schema import (
    KEYS,
    KIND_KEYS,
    LIMIT_KEYS,
    MATCH_KEYS,
    METHOD_KEYS,
)
from worker.domain.policy.language.short_forms import SHORT_FORMS, SHORT_WHENS

GUIDE = (Path(__file__).parents[4] / "worker/docs/policies.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
CONSOLE = re.findall(
    r"```console\n\$ activation-worker policy check (\S+)\n(.*?)```", GUIDE, re.DOTALL
)


def written(directory: Path, block: str) -> Path:
    named = re.match(r"# (\w+\.toml)\n", block)
    file = directory / (named[1] if named else "shop.toml")
    file.write_text(block.partition("\n")[2] if named else block)
    return file


def shop(name: str, directory: Path) -> Profile:
    (block,) = [block for block in BLOCKS if block.startswith(f"# {name}.toml\n")]
    return load_file(written(directory, block))


@pytest.mark.parametrize("block", [block for block in BLOCKS if "# refused" not in block])
def test_every_block_is_a_policy_without_problems(block: str, tmp_path: Path) -> None:
    assert problems_of(written(tmp_path, block)) == []


def test_a_refused_block_is_refused_as_the_guide_says(tmp_path: Path) -> None:
    ((name, told),) = CONSOLE
    (block,) = [block for block in BLOCKS if block.startswith(f"# {name}\n")]
    found = [str(problem) for problem in problems_of(written(tmp_path, block))]
    assert [problem.removeprefix(f"{tmp_path}/") for problem in found] == told.splitlines()


@pytest.mark.parametrize(
    "key",
    [*KEYS, *KIND_KEYS, *METHOD_KEYS, *LIMIT_KEYS, *MATCH_KEYS, *SHORT_FORMS, *SHORT_WHENS],
)
def test_every_key_stands_in_the_guide(key: str) -> None:
    section, _, name = key.rpartition(".")
    lines = [
        line
        for line in GUIDE.splitlines()
        if f"`{name}" in line or f".{name}`" in line or f"`{key}" in line
    ]
    assert any(not section or f"{section}." in line for line in lines)


def test_night_owl_keeps_its_promises(tmp_path: Path) -> None:
    owl = shop("night_owl", tmp_path)
    order: dict[str, Any] = {"purchased_at": timedelta(0), "price_minor": PRICE}
    claim: dict[str, Any] = order | {"claim_at": HOUR, "now": HOUR}

    late = ask(owl, "order_tick", now=timedelta(minutes=10) + US, **order)
    assert (answer(late), late.amount_minor) == (("auto_credit", "no_sms_in_window"), PRICE)
    assert ask(owl, "cancel", now=29 * SECOND, **order).outcome.value == "wait"
    assert ask(owl, "cancel", now=30 * SECOND, **order).outcome.value == "credit"
    broken = claim | {"claim_kind": "does_not_work"}
    assert ask(owl, "claim", **broken).reason.value == "evidence_missing"
    judged = ask(owl, "claim", **broken, evidence=["screenshot"], verified=True)
    assert (judged.outcome.value, judged.amount_minor) == ("credit", PRICE // 2)
    third = [{"what": "claim", "kind": "second_code", "at": -DAY, "amount_minor": 1}] * 3
    again = claim | {"claim_kind": "second_code"}
    assert ask(owl, "claim", **again, history=third[1:]).outcome.value == "credit"
    assert answer(ask(owl, "claim", **again, history=third)) == ("deny", "limit_reached")
    over = {"claim_at": 2 * HOUR + US, "now": 2 * HOUR + US}
    assert ask(owl, "claim", **(again | over)).reason.value == "claim_window_closed"


def test_harbour_keeps_its_promises(tmp_path: Path) -> None:
    harbour = shop("harbour", tmp_path)

    back = ask(harbour, "cancel", now=DAY, **RENTAL)
    assert (back.reason.value, back.amount_minor) == ("cancelled_before_sms", PRICE)
    used = ask(harbour, "cancel", now=DAY, sms_received_at=HOUR, **RENTAL)
    assert (used.reason.value, used.amount_minor, used.fee_minor) == ("unused_time", 867, 100)
    claim: dict[str, Any] = RENTAL | {"claim_kind": "does_not_ring", "claim_at": DAY, "now": DAY}
    asked = ask(harbour, "claim", **claim)
    assert answer(asked) == ("needs_review", "judge_request")
    assert asked.deadline == datetime(2027, 3, 4, 10, tzinfo=UTC)
    assert ask(harbour, "claim", **claim, claim_channel="chat").reason.value == "wrong_channel"


def test_coin_keeps_its_promises(tmp_path: Path) -> None:
    coin = shop("coin", tmp_path)
    claim: dict[str, Any] = {
        "purchased_at": timedelta(0),
        "price_minor": PRICE,
        "claim_kind": "non_receiving",
        "claim_at": HOUR,
        "now": HOUR,
        "destination": "wallet",
    }
    paid = ask(coin, "claim", **claim)
    assert (answer(paid), paid.amount_minor) == (("payout", "no_sms_on_record"), 990)
    assert ask(coin, "claim", **claim, service="WhatsApp").reason.value == "judge_request"
    voucher = ask(coin, "claim", **claim, payment_method="voucher")
    assert voucher.reason.value == "method_not_refundable"
    small: dict[str, Any] = {"claim_at": timedelta(0), "balance_minor": 600, "amount_minor": 499}
    assert ask(coin, "withdrawal", **small).reason.value == "below_least_sum"
