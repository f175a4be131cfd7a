"""What a page says when the API refuses or does not answer: what is wrong, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from worker.client import ApiError, ApiProblem


@dataclass(frozen=True, slots=True)
class Notice:
    """A few words at the top of a page."""

    title: str
    what_to_do: str = ""
    lines: Sequence[str] = ()  #: The fields that are wrong, and how.
    bad: bool = False
    reference: str | None = None  #: The same stands in the daemon's log.


_NOT_ALLOWED: Final = (
    "Nothing was changed: your token does not allow this. "
    "Ask whoever gave it to you for one that does."
)
#: By the last part of a problem's `type`.
_WHAT_TO_DO: Final[Mapping[str, str]] = {
    "forbidden": _NOT_ALLOWED,
    "unauthenticated": "Sign in again, with a token that the API takes.",
    "too-many-wrong-tokens": "Wait a minute, then try again with the right token.",
    "not-found": "Look for it again: by phone, order, provider's reference, account or id.",
    "unknown-activation": "Look for it again: by phone, order, provider's reference or id.",
    "unknown-account": "Look for the account again; its name is exact, capitals included.",
    "unknown-provider": "Go back to the list of providers: it is not configured any more.",
    "account-blocked": "Lift the block first, or decide with the finding freeze_seen.",
    "account-frozen": "Nothing moves on this account until the freeze is lifted.",
    "account-closing": "A deletion of the account waits; it has to be withdrawn first.",
    "decided": "Somebody decided before you. Load the page again and see how.",
    "other-content": "Somebody was here before you. Load the page again and see what was done.",
    "ended": "It has ended. Load the page again to see how.",
    "code-received": "The customer has the code. If it is wrong, open a claim.",
    "no-cancel": "Open a claim instead, if the customer wants the money back.",
    "cancel-not-yet": "The page says from when on Cancel is offered. Try again then.",
    "cancel-over": "Open a claim instead, if the customer wants the money back.",
    "cancel-limit": "Open a claim instead, if the customer wants the money back.",
    "restrictions-ignored": "Open a claim, so that a person decides.",
    "no-code": "Wait for the first code, or cancel the number.",
    "report-refused": "Too young, ended, or a code came: load the page again in a minute.",
    "not-offered": "Nothing was changed. If a customer is owed money, open a claim.",
    "fact-not-yours": "Leave that fact out.",
    "invalid": "Correct what is named and press the button again.",
    "store-unavailable": "Load the page again in a few seconds.",
    "provider-unavailable": "Load the page again in a few seconds.",
    "busy": "Load the page again in a few seconds.",
    "no-numbers": "The provider has none just now. Try again later.",
    "balance-too-low": "The account needs a top-up first.",
    "internal": "Try again; if it stays, tell whoever runs the daemon the number below.",
}


class WouldBeLost(Exception):
    """Something was given in a form that no call takes like this: it is not sent at all."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field)
        self.notice = Notice(
            "The form cannot be sent like this",
            f"Nothing was changed. {_WHAT_TO_DO['invalid']}",
            lines=[f"{field}: {problem}"],
            bad=True,
        )


#: Of an act that failed on the way: it may have failed on the way back.
_MAYBE_DONE: Final = (
    "It may have been done: look first. Where it was not, press the button of this page again; "
    "what is sent unchanged is done once."
)
#: The same of an act whose form has no key by which it would be known again.
_MAYBE_DONE_AND_AGAIN: Final = "It may have been done: look first. Pressed again, it is done again."


def notice_of(error: ApiError, *, acting: bool, once: bool = True) -> Notice:
    """*acting*: something was to be changed, and the page was not only read.

    *once*: sent again, it would be known again.
    """
    match error:
        case ApiProblem():
            notice = _refused(error)
            unsure = error.status >= 500
        case _:
            notice, unsure = UNREACHABLE, True
    return unsure_of(notice, once=once) if acting and unsure else notice


def status_of(error: ApiError) -> int:
    return error.status if isinstance(error, ApiProblem) else 502


def unsure_of(notice: Notice, *, once: bool) -> Notice:
    """The same after an act of which nobody knows whether it was done."""
    return replace(notice, what_to_do=_MAYBE_DONE if once else _MAYBE_DONE_AND_AGAIN)


def _refused(problem: ApiProblem) -> Notice:
    lines = [f"{each['pointer'].lstrip('/')}: {each['detail']}" for each in problem.errors]
    return Notice(
        title=problem.title or f"The API refused (HTTP {problem.status})",
        what_to_do=_WHAT_TO_DO.get(problem.slug, ""),
        lines=[*([problem.detail] if problem.detail else []), *lines],
        bad=True,
        reference=problem.request_id if problem.status >= 500 else None,
    )


UNREACHABLE: Final = Notice(
    "The API cannot be reached",
    "Numbers are watched all the same if the daemon runs. Load this page again in a moment; "
    "if it stays, tell whoever runs the daemon.",
    bad=True,
)
NOT_HERE: Final = Notice(
    "There is no such page", "Use the search above, or go to what waits for you.", bad=True
)
BAD_AMOUNT: Final = Notice(
    "This is no amount", "Write it like 1.20, or leave the field empty.", bad=True
)
TOO_LARGE: Final = Notice(
    "That is too much text", "Nothing was changed. Shorten it and press the button again.", bad=True
)
SOLD_AGAIN: Final = Notice(
    "Another rental has this reference now",
    "Nothing was changed. What is told by the reference would be told of the other one; "
    "a claim is opened for the rental of this page.",
    bad=True,
)
NOT_OURS: Final = Notice(
    "This form was not made for you",
    "Nothing was changed. Go back, load the page again, and press the button there.",
    bad=True,
)
NOBODY: Final = Notice(
    "Nobody is named",
    "The desk is told by its proxy who acts, and this request names nobody. "
    "Come through the proxy.",
    bad=True,
)
BROKEN: Final = Notice(
    "Something went wrong here", "Load the page again. What went wrong is in the log.", bad=True
)
