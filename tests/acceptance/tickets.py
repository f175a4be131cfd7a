"""Ten tickets, each answered from the desk alone: who answers knows what its pages say, no more.

Each begins with a situation that is made at the API and at the provider. Then only the desk is
used: the customer is found by what he sends, and what he is told can be read on a page.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from tests.acceptance.browser import Browser
from tests.acceptance.desk_site import DeskSite
from tests.acceptance.world import PROVIDER

Ticket: TypeAlias = Callable[[Browser, DeskSite], None]
PRICE: Final = "1.20 USD"


def no_code(staff: Browser, site: DeskSite) -> None:
    """He sends the phone as the site wrote it."""
    number = _rented(site, "nora", window=1)
    _ended(site, number, "refunded")
    phone = number["phone"] or ""

    staff.find(f"+{phone[:1]} {phone[1:4]} {phone[4:]}")

    staff.sees(f"No code came in time, and {PRICE} is back on the balance")


def wrong_code(staff: Browser, site: DeskSite) -> None:
    """He sends his order, and a screenshot when he is asked for it."""
    number = _rented(site, "wendy", window=4)
    site.receive(number["id"], "421337")
    _ended(site, number, "delivered")

    staff.find(number["order_ref"] or "")
    staff.sees("A code was shown at")
    staff.press("Show code")
    staff.sees("421337")
    staff.choose("What is wrong", "the code is wrong")
    staff.type_into("In the customer's words", "the site refuses it")
    staff.press("Open claim")
    staff.sees("The customer has to send a screenshot, a photo or a video of it by")
    staff.choose("Evidence", "screenshot")
    staff.type_into("Where the evidence is", "ticket 77")
    staff.press("Add")
    staff.sees("A person decides it by")
    staff.follow("decide it")
    staff.type_into("Note", "the screenshot shows that it is refused")
    staff.press("Grant")
    staff.sees("Granted.")
    staff.find(number["order_ref"] or "")
    staff.sees(f"and a claim gave {PRICE} of it back")


def late_code(staff: Browser, site: DeskSite) -> None:
    """He sends the last digits. His code came while the provider took no cancel."""
    number = _rented(site, "lars", window=3)
    fault = {"kind": "unavailable", "seconds": 8, "operations": ["cancel"]}
    site.provider("/_sim/faults", fault)
    site.until(number["id"], lambda now: now["state"] == "expiring")
    site.provider("/_sim/sms", {"id": number["provider_ref"], "code": "421337"})
    _ended(site, number, "refunded")

    staff.find((number["phone"] or "")[-7:])

    staff.sees(f"No code came in time, and {PRICE} is back on the balance")
    staff.sees("after the deadline: it is neither shown nor charged")
    assert "421337" not in staff.driver.page_source


def money_not_back(staff: Browser, site: DeskSite) -> None:
    """His policy gives it back on a claim alone."""
    number = _rented(site, "mona", policy="P1", window=1)
    _ended(site, number, "closed")

    staff.find((number["phone"] or "")[-6:])
    staff.sees(f"No code came in time, and {PRICE} was charged.")
    staff.choose("What is wrong", "no code came")
    staff.type_into("In the customer's words", "nothing came, and I have paid")
    staff.press("Open claim")

    staff.sees(f"{PRICE} is back on the balance since")


def charged_twice(staff: Browser, site: DeskSite) -> None:
    """He sends the name of his account. Of two numbers one was charged."""
    kept = _rented(site, "carl", window=4)
    site.receive(kept["id"], "421337")
    back = _rented(site, "carl", "carl-2", window=1)
    _ended(site, kept, "delivered")
    _ended(site, back, "refunded")

    staff.find(_name("carl"))

    staff.sees(f"kept, it is charged: {kept['phone']} {PRICE}")
    staff.sees(f"back from {back['phone']} {PRICE}")
    staff.sees("998.80 USD\nfree to spend")
    staff.follow(str(back["phone"]))
    staff.sees(f"No code came in time, and {PRICE} is back on the balance")


def banned(staff: Browser, site: DeskSite) -> None:
    """The number waits yet, and its provider takes no report: it is cancelled."""
    number = _rented(site, "bob", window=600)

    staff.find(number["order_ref"] or "")
    staff.unfold("Report a bad number")
    staff.sees("Where it does not, Cancel number gives it back.")
    staff.type_into("What is wrong with it", "the site has banned it")
    staff.press("Report number")
    staff.sees("The policy or the provider does not offer this")
    staff.press("Cancel number")
    staff.sees(f"The number was cancelled before a code came, and {PRICE} is back")
    assert [line for line in staff.console() if "409" not in line and "422" not in line] == []


def payout(staff: Browser, site: DeskSite) -> None:
    """He wants what he has not spent, by the form that the policy asks for."""
    _account(site, "ines")

    staff.find(_name("ines"))
    staff.unfold("Pay the balance out")
    staff.choose("Why", "unused funds")
    staff.type_into("In the customer's words", "I do not need it any more")
    staff.choose("Came by", "form")
    staff.press("Open withdrawal")
    if "The customer has to" in staff.text:
        staff.unfold("Channel, what the request names")
        for tick in staff.driver.find_elements("css selector", "input[type=checkbox]"):
            tick.click()
        staff.press("Add")
    staff.sees("A person decides it by")
    staff.follow("decide it")
    staff.type_into("Note", "nothing was bought")
    staff.press("Grant")
    staff.sees("Granted.")
    staff.find(_name("ines"))
    staff.follow("withdrawal")
    staff.sees("1,000.00 USD is approved, and somebody has to pay it out by")
    staff.unfold("Tell what happened")
    staff.choose("What happened", "paid out")
    staff.press("Record")

    staff.sees("1,000.00 USD was paid out at")


def blocked(staff: Browser, site: DeskSite) -> None:
    """By mistake: who blocked it, when and why stand on top, and what lifts it."""
    _account(site, "bruno")
    name = _name("bruno")
    site.ask(lambda api: api.tell_account_event(name, event="rules_block", reference="filter 7"))

    staff.find(name)
    staff.sees("The account is blocked for breaking the rules: the balance can be spent")
    staff.sees("by shop, reference filter 7.")
    staff.press("Lift it")

    staff.sees("It is lifted.")
    assert site.ask(lambda api: api.get_account(name))["state"] == "open"


def dead_rental(staff: Browser, site: DeskSite) -> None:
    """Dead since three days, as he wrote then; it works again now."""
    _account(site, "rita", "P2")
    now = datetime.now(UTC)
    rented_at, wrote_at = now - timedelta(days=10), now - timedelta(days=3, minutes=5)
    site.ask(
        lambda api: api.book_rental(
            PROVIDER, "long-77", account=_name("rita"), phone="79125550177", service="wa",
            country="0", price_minor=3000, policy="P2", order_ref="T-rita",
            rented_at=rented_at, ends_at=rented_at + timedelta(days=30),
        )
    )  # fmt: skip

    staff.find("5550177")
    staff.sees("It is paid until")
    staff.type_date("The customer first wrote at, in UTC; empty for now", wrote_at)
    staff.press("Report outage")
    staff.sees(f"It is reported as down since {wrote_at:%Y-%m-%d %H:%M} UTC.")
    staff.press("Works again")
    staff.sees("It is recorded.")
    staff.follow("rental outage")
    staff.sees("A person decides it by")
    staff.follow("decide it")
    staff.sees("3.00 USD")
    staff.type_into("Note", "his first ticket is of that day")
    staff.press("Grant")
    staff.sees("Granted.")
    staff.find("T-rita")

    staff.sees("3.00 USD is back on the balance since")


def missing_top_up(staff: Browser, site: DeskSite) -> None:
    """He sends the reference of his payment. Booked twice, it is booked once."""
    _account(site, "tom")

    for said in ("The top-up is booked.", "This payment was booked before. Nothing has changed."):
        staff.find(_name("tom"))
        staff.unfold("Top-up that is missing")
        staff.type_into("Sum", "25.00")
        staff.type_into("The payment's own reference", "pay-4711")
        staff.press("Book top-up")
        staff.sees(said)

    staff.sees("1,025.00 USD\nfree to spend")
    staff.sees("topped up pay-4711 25.00 USD")


TICKETS: Final[Mapping[str, Ticket]] = {
    "no code": no_code,
    "wrong code": wrong_code,
    "code came too late": late_code,
    "money not back": money_not_back,
    "charged twice": charged_twice,
    "number banned by the site": banned,
    "wants his balance paid out": payout,
    "account blocked by mistake": blocked,
    "rental dead for three days": dead_rental,
    "top-up missing": missing_top_up,
}
#: The two that go through the most pages are tried in each run of the tests, the others at night.
OF_EACH_RUN: Final = ("wrong code", "rental dead for three days")


def _name(customer: str) -> str:
    return f"{customer}@tickets.example"


def _account(site: DeskSite, customer: str, policy: str = "P3") -> None:
    name = _name(customer)
    site.ask(lambda api: api.open_account(name, currency="USD", policy=policy))
    site.ask(lambda api: api.top_up_account(name, reference=name, amount_minor=100_000))


def _rented(
    site: DeskSite, customer: str, order: str = "", *, policy: str = "P3", window: int
) -> Any:
    _account(site, customer, policy)
    return site.rent("timeout", f"T-{order or customer}", _name(customer), window, policy)


def _ended(site: DeskSite, number: Any, state: str) -> None:
    site.until(number["id"], lambda now: now["state"] == state)
