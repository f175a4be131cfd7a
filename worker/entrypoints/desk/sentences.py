"""What a page says in one plain sentence: of a case, of a rental, of an account and its ledger."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from worker.entrypoints.desk.formatting import is_outside, minute, money, parse, person, words

Json = Mapping[str, Any]

#: What a customer has to do, by the reason of a case that waits for him.
_ASKED: Final[Mapping[str, str]] = {
    "evidence_missing": "send a screenshot, a photo or a video of it",
    "video_required": "send a video of it",
    "reasons_missing": "say why, in words of their own",
    "wrong_channel": "ask by the channel that the policy names",
    "request_incomplete": "name everything that the policy asks for in a request",
    "email_mismatch": "name the e-mail address of the account",
    "kyc_required": "prove who owns what the money goes to",
    "payment_info_required": "say where the money shall go",
}
#: Why nothing is given, where the reason's own name does not say it.
_DENIED: Final[Mapping[str, str]] = {
    "sms_received": "an SMS came in time",
    "code_displayed": "a code was shown",
    "correct_sms": "the right code came",
    "claim_window_closed": "it was asked for too late",
    "already_refunded": "the money is back already",
    "already_settled": "the money is back already",
    "claim_rejected": "a person looked at it and said no",
    "unused_funds": "money that was not used stays on the balance",
    "changed_mind": "a change of mind is no ground",
    "accidental_topup": "a top-up by mistake is no ground",
    "third_party_incompatibility": "that another program does not take it is no ground",
    "outage_not_over_24h": "it was down for too short a time",
    "client_caused": "the customer caused it",
    "nothing_refundable": "there is nothing left that can be paid out",
    "topup_too_old": "the top-up is too old",
    "topup_used": "the top-up was used",
    "account_blocked_rules": "the account is blocked",
    "account_frozen": "the account is frozen",
}
_HAPPENED: Final[Mapping[str, str]] = {
    "rules_block": "The account is blocked for breaking the rules",
    "rules_unblock": "The block for breaking the rules is lifted",
    "law_enforcement_block": "The account is frozen at the word of law enforcement",
    "law_enforcement_unblock": "The freeze is lifted",
    "chargeback": "A payment was charged back",
    "delete_requested": "The customer asked for the account to be deleted",
    "delete_withdrawn": "The customer has taken the deletion back",
    "idle": "The balance was idle for too long",
}
#: The same while it has no effect, where the words above tell of one.
_TOLD: Final[Mapping[str, str]] = {
    "rules_block": "A block for breaking the rules was told",
    "law_enforcement_block": "A freeze at the word of law enforcement was told",
}
#: What an event of an account waits for, by the reason.
_AWAITED: Final[Mapping[str, str]] = {
    "open_order_pending": "it waits until the open orders have ended, and ",
    "withdrawal_open": "it waits until the customer's open cases have ended, and ",
    "withdrawal_offered": "{approved} can be paid out before, and it ",
}
_LEFT: Final[Mapping[str, str]] = {
    "withdrawal_barred": "the balance can be spent, and nothing is paid out",
    "balance_kept": "the balance stays",
    "balance_void": "what was left is void",
    "balance_frozen": "nothing moves on it",
}
#: What lifts it.
LIFTED_BY: Final[Mapping[str, str]] = {
    "rules_block": "rules_unblock",
    "law_enforcement_block": "law_enforcement_unblock",
    "delete_requested": "delete_withdrawn",
}


#: By a case's state; the words in braces are made by `case_says`.
_STANDS: Final[Mapping[str, str]] = {
    "needs_evidence": "The customer has to {asked}{by}. Until then nothing moves.",
    "in_review": "A person decides it{by}. Nothing moves until then.",
    "approved": "{approved} is approved, and somebody has to pay it out{by}.",
    "granted": "{moved} is back on the balance{since}.",
    "granted_outside": "{moved} is given back by the shop, as decided{at}.",
    "paid": "{moved} was paid out{at}.",
    "denied": "Nothing is given: {denied}.",
    "replaced": "Another number was given in its place.",
    "cancelled": "The customer has taken it back.",
    "resolved": "It works again. {moved} was given for it.",
}


def case_says(case: Json) -> str:
    """What a customer could be told of it."""
    decision, state = case["decision"] or {}, case["state"]
    if case["kind"] == "account" and state in _OF_AN_ACCOUNT:
        return _account_says(case)
    if state == "granted" and is_outside(case):
        state = "granted_outside"
    if state not in _STANDS:
        return _waits(case) if state == "waiting" else _done(case)
    reason = decision.get("reason", "")
    return _STANDS[state].format(
        asked=_ASKED.get(reason, "add something"),
        denied=_DENIED.get(reason, words(reason)),
        approved=money(decision.get("amount_minor", 0), case["currency"]),
        moved=money(case["moved_minor"], case["currency"]),
        by=_by(case),
        at=f" at {minute(case['closed_at'])}" if case["closed_at"] else "",
        since=f" since {minute(case['closed_at'])}" if case["closed_at"] else "",
    )


_OF_AN_ACCOUNT: Final = frozenset({"waiting", "in_review", "denied", "cancelled"})


def _account_says(case: Json) -> str:
    """Of an event that has no effect, or none yet: it begins with what happened."""
    event, decision = case["facts"].get("event", ""), case["decision"] or {}
    told = _TOLD.get(event) or _HAPPENED.get(event) or words(event).capitalize()
    match case["state"]:
        case "waiting":
            awaited = _AWAITED.get(decision.get("reason", ""), "it ").format(
                approved=money(decision.get("amount_minor", 0), case["currency"])
            )
            return f"{told}; {awaited}goes on by itself{_by(case)}."
        case "in_review":
            return f"{told}; a person decides it{_by(case)}."
        case "denied":
            return f"{told}; a person refused it: it has no effect."
        case _ if event in LIFTED_BY.values():
            return f"{told}."
        case _ if event == "delete_requested":
            return f"{told}; the customer has taken it back."
        case _:
            return f"{told}; it was lifted before it took effect."


def _waits(case: Json) -> str:
    since = case["facts"].get("contacted_at")
    if case["kind"] != "rental_outage" or since is None:
        return f"It goes on by itself{_by(case)}."
    return (
        f"It is reported as down since {minute(since)}. What that is worth is credited once it "
        "works again, or its time is over."
    )


def _done(case: Json) -> str:
    decision = case["decision"] or {}
    event = case["facts"].get("event", "")
    happened = _HAPPENED.get(event) or f"{words(case['kind']).capitalize()}: done"
    # An unblock says which money it frees; that it "stays" would say the opposite.
    lifts = event in LIFTED_BY.values()
    left = "" if lifts else _LEFT.get(decision.get("reason", ""), "")
    left = left or ("" if lifts else _LEFT.get(decision.get("outcome", ""), ""))
    return f"{happened}: {left}." if left else f"{happened}."


def _by(case: Json) -> str:
    open_ = [owed["by_when"] for owed in case["obligations"] if not owed["ended_at"]]
    decision = case["decision"] or {}
    due = min((each for each in open_ if each), default=decision.get("deadline"))
    return f" by {minute(due)}" if due else ""


def late_code_says(number: Json) -> str | None:
    """Of a code that came too late: a policy may keep the price, and one shown before was charged.

    None: there was no such code.
    """
    late = next((line for line in number["timeline"] if line["what"] == "late_code"), None)
    if late is None:
        return None
    is_past = parse(late["at"]) > parse(number["deadline_at"])
    when = "after the deadline" if is_past else "after the number had ended"
    return f"A code came at {minute(late['at'])}, {when}: {_unshown(number)}."


def _unshown(number: Json) -> str:
    settlement = number["settlement"]
    if settlement is None:
        return "it is not shown"
    amount, currency = settlement["amount_minor"], number["currency"]
    match settlement["outcome"]:
        case "refunded" if amount == number["price_minor"]:
            return "it is neither shown nor charged"
        case "refunded":
            return f"it is not shown, and {money(amount, currency)} is back"
        case "delivered":
            return "it is not shown, and nothing more is charged for it"
        case _:
            return f"it is not shown, and {money(amount, currency)} was charged"


def rental_says(rental: Json, ends: Iterable[Json] = ()) -> str:
    """*ends*: cases of the ends of rentals, which these do not name themselves."""
    paid, back = money(rental["price_minor"], rental["currency"]), _given_back(rental, ends)
    if rental["ended_at"]:
        returned = f", and {back} of that is given back" if back else ""
        return f"It ended at {minute(rental['ended_at'])}; {paid} was paid for it{returned}."
    returned = f"; {back} of that is given back" if back else ""
    until = f"It is paid until {minute(rental['ends_at'])}, for {paid}{returned}."
    down = [each for each in rental["outages"] if not each["closed_at"]]
    return f"{until} {case_says(down[0])}" if down else until


def _given_back(rental: Json, ends: Iterable[Json]) -> str | None:
    of_its_end = [case for case in ends if case["rental"] == rental["id"]]
    cases = [*rental["outages"], *rental["claims"], *rental["cancels"], *of_its_end]
    minor = sum({case["id"]: case["moved_minor"] for case in cases}.values())
    if not minor:
        return None
    return "all" if minor == rental["price_minor"] else money(minor, rental["currency"])


@dataclass(frozen=True, slots=True)
class Block:
    """What an account is held by, the case of it, and which event lifts it, if one does."""

    says: str
    case: str
    event: str
    lifted_by: str | None = None


def blocks(cases: Iterable[Json]) -> Sequence[Block]:
    """From the account's cases, newest first: what nobody has lifted or refused."""
    lifted: set[str] = set()
    found = []
    for case in cases:
        event = case["facts"].get("event", "")
        says = f"{case_says(case)} {_told(case)}"
        if case["state"] in _REFUSED:
            continue
        if _is_for_good(case):
            found.append(Block(says, case["id"], event))
        elif event in LIFTED_BY and LIFTED_BY[event] not in lifted:
            lifted.add(LIFTED_BY[event])
            found.append(Block(says, case["id"], event, LIFTED_BY[event]))
        lifted.add(event)
    return found


_REFUSED: Final = frozenset({"cancelled", "denied"})


def _is_for_good(case: Json) -> bool:
    """No other event ends a deletion that has taken effect, nor a freeze by a chargeback."""
    if case["state"] != "done":
        return False
    decision = case["decision"] or {}
    match case["facts"].get("event"):
        case "delete_requested":
            return True
        case "chargeback":
            return bool(decision.get("outcome") == "balance_frozen")
        case _:
            return False


def _told(case: Json) -> str:
    first: Json = next(iter(case["evidence"]), {})
    by = f" by {person(first['by'])}" if first.get("by") else ""
    reference = first.get("content", {}).get("reference")
    return (
        f"Told at {minute(case['opened_at'])}{by}{f', reference {reference}' if reference else ''}."
    )


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One line of a ledger: what moved, for what, and where that is shown."""

    at: str
    says: str
    name: str = ""
    to: str | None = None
    amount: str = ""
    aside: str = ""  #: What moved beside the free balance.


_MOVES: Final[Mapping[str, str]] = {
    "topup": "topped up",
    "hold": "set aside for",
    "capture": "kept, it is charged:",
    "release": "back from",
    "rental": "paid for the rental",
    "renthold": "set aside for a rental",
    "rentback": "back: no rental came of it",
    "prolong": "paid to prolong a rental",
    "claim": "given back by",
    "withhold": "set aside for",
    "giveback": "free again after",
    "excess": "free again after",
    "withdraw": "paid out by",
    "fee": "kept as a fee of",
    "carried": "all charges of closed books",
    "void": "void with the deleted account",
}
_OF_A_CASE: Final = frozenset({"claim", "withhold", "giveback", "excess", "withdraw", "fee"})
_CALLED: Final[Mapping[str, str]] = {
    "claim": "a claim",
    "withdrawal": "a payout",
    "rental_outage": "an outage",
}
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def ledger(
    entries: Iterable[Json],
    numbers: Iterable[Json],
    rentals: Iterable[Json],
    cases: Iterable[Json],
) -> Sequence[LedgerLine]:
    """*numbers* and *rentals* are those that the page shows, called by their phones here.

    So are *cases*, called by their kind.
    """
    kind_of_case = {each["id"]: each["kind"] for each in cases}
    number_by_id = {each["id"]: each for each in numbers}
    rental_by_id = {each["id"]: each for each in rentals}
    return [_line(entry, number_by_id, rental_by_id, kind_of_case) for entry in entries]


def _line(
    entry: Json,
    numbers: Mapping[str, Json],
    rentals: Mapping[str, Json],
    cases: Mapping[str, str],
) -> LedgerLine:
    kind, minor, currency = entry["kind"], entry["amount_minor"], entry["currency"]
    about = entry["key"].partition(":")[2]
    name, to, aside = "", None, ""
    if kind in _OF_A_CASE and _UUID.match(about):
        name = _CALLED.get(cases.get(about[:36], ""), "a case")
        to = f"/cases/{about[:36]}"
    elif entry["activation"]:
        number = numbers.get(entry["activation"], {})
        name, to = number.get("phone") or "the number", f"/a/{entry['activation']}"
        if kind == "capture" and number:
            aside = money(number["price_minor"], currency)
    elif kind == "rental" and about[:36] in rentals:
        rental = rentals[about[:36]]
        name, to = rental["phone"], rental_path(rental)
    elif kind == "topup":
        name = unquote(about.partition(":")[2])
    amount = money(minor, currency) if minor else ""
    return LedgerLine(entry["at"], _MOVES.get(kind, words(kind)), name, to, amount, aside)


def rental_path(rental: Json) -> str:
    """With its id: a provider may use its reference for another rental later."""
    place = rental_place(rental["provider"], rental["provider_ref"])
    return f"{place}?id={quote(rental['id'], safe='')}"


def rental_place(provider: str, ref: str) -> str:
    return f"/rentals/{quote(provider, safe='')}/{quote(ref, safe='')}"
