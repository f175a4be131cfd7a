"""Whatever bytes come back for a history, nobody's money is told of that they do not tell of."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.providers.adapter_world import replies_of
from worker.adapters.providers.reply import Reply, interpret
from worker.domain.families import capabilities_of, every_dialect
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError
from worker.ports.provider import HistoryPage

READERS: dict[str, Any] = {
    dialect or family: replies_of(family, dialect)
    for family, dialect in every_dialect()
    if capabilities_of(family, dialect).history
}
#: What a reply must contain for a price to be kept, or given back.
WORDS: dict[str, dict[PriceFate, tuple[bytes, ...]]] = {
    "classic": {PriceFate.KEPT: (b"6",), PriceFate.GIVEN_BACK: (b"8",)},
    "hero": {PriceFate.KEPT: (b"6",), PriceFate.GIVEN_BACK: (b"8", b"10")},
    "fivesim": {
        PriceFate.KEPT: (b"FINISHED",),
        PriceFate.GIVEN_BACK: (b"CANCELED", b"TIMEOUT", b"BANNED"),
    },
    "smspool": {PriceFate.KEPT: (b"completed",), PriceFate.GIVEN_BACK: (b"refunded",)},
    "textverified": {
        PriceFate.KEPT: (b"Completed", b"Reused"),
        PriceFate.GIVEN_BACK: (b"Canceled", b"TimedOut", b"Refunded"),
    },
}
labels = st.sampled_from(
    [
        *("4", "6", "8", "10", 6, 8, "FINISHED", "CANCELED", "TIMEOUT", "PENDING"),
        *("completed", "refunded", "pending", "verificationCompleted", "verificationTimedOut"),
    ]
)
anything = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1e999999999", "NaN", "[]", '[""]', "9" * 400, "79991234567", "0.25"])
)
keys = (
    *("id", "phone", "sms", "cost", "price", "currency", "product", "country", "created_at"),
    *("order_code", "code", "full_code", "timestamp", "createdAt", "number", "totalCost"),
)
rows = st.builds(
    lambda told, status: told | status,
    st.dictionaries(
        st.sampled_from(keys), anything | st.lists(anything | st.just({}), max_size=2), max_size=9
    ),
    st.dictionaries(st.sampled_from(["status", "state"]), labels | anything, max_size=2),
)
pages = st.lists(rows | anything, max_size=4)
bodies = st.one_of(
    pages.map(lambda page: json.dumps(page).encode()),
    pages.map(lambda page: json.dumps({"Data": page}).encode()),
    pages.map(lambda page: json.dumps({"data": page, "links": {}}).encode()),
    pages.map(lambda page: json.dumps(page).encode()[:-3]),
    st.integers(1, 5000).map(lambda depth: b"[" * depth),
    st.binary(max_size=60),
)
replies = st.builds(
    Reply, st.sampled_from([200, 200, 200, 302, 400, 404, 429, 500]), bodies, st.none()
)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reply=replies)
def test_money_is_only_told_of_where_the_reply_says_so(name: str, reply: Reply) -> None:
    try:
        page = interpret("acme", reply, READERS[name].history)
    except ProviderError:
        return

    assert isinstance(page, HistoryPage)
    assert reply.status == 200
    for row in page.rows:
        assert row.cost_minor is None or (row.cost_minor >= 0 and row.currency is not None)
        words = WORDS[name].get(row.fate)
        assert words is None or any(word in reply.body for word in words)
