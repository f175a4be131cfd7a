"""What can be told of a case, by its kind: the call, its body, and who may tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Step:
    call: str  #: The last part of its path.
    body: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "decide"
    typed: str | None = None  #: The member of the body that is typed.


_PAID: Final = Step("paid")
_ALTERNATIVES: Final[Mapping[str, Step]] = {
    "another way of payment offered": Step("alternative", {"event": "offered"}, typed="method"),
    "another way of payment agreed": Step("alternative", {"event": "agreed"}, typed="method"),
}
_OWNER: Final[Mapping[str, Step]] = {
    "proof of owner asked for": Step("kyc", {"status": "requested"}),
    "proof of owner passed": Step("kyc", {"status": "passed"}),
    "proof of owner failed": Step("kyc", {"status": "failed"}),
}
STEPS: Final[Mapping[str, Mapping[str, Step]]] = {
    "claim": {
        "paid out": _PAID,
        "access asked for": Step("access", {"event": "requested"}),
        "access granted": Step("access", {"event": "granted"}),
        "access refused": Step("access", {"event": "refused"}),
        "repaired": Step("rectified"),
        "customer says it is not repaired": Step("contest", {}, "operate", typed="reason"),
        "customer chooses the refund": Step("choice", {"choice": "refund"}, "operate"),
        "customer chooses a replacement": Step("choice", {"choice": "replacement"}, "operate"),
        "replaced by the number with this id": Step("replacement", typed="activation"),
        "no replacement can be had": Step("replacement", {"available": False}),
        **_OWNER,
        **_ALTERNATIVES,
    },
    "withdrawal": {
        "paid out": _PAID,
        "payment details asked for": Step("payment-info", {"event": "requested"}),
        "payment details given": Step("payment-info", {"event": "provided"}, "operate"),
        **_OWNER,
        **_ALTERNATIVES,
        "taken back by the customer": Step("cancel", {}, "operate"),
    },
}
#: What a request may have to name.
REQUEST_FIELDS: Final = ("service", "amount", "reason", "details", "payment_system", "email")
