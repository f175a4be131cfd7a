"""What can be told of a case, by its kind: the call, its body, and who may tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class CaseStep:
    call: str  #: The last part of its path.
    body: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "decide"
    typed: str | None = None  #: The member of the body that is typed.


_PAID: Final = CaseStep("paid")
_ALTERNATIVES: Final[Mapping[str, CaseStep]] = {
    "another way of payment offered": CaseStep("alternative", {"event": "offered"}, typed="method"),
    "another way of payment agreed": CaseStep("alternative", {"event": "agreed"}, typed="method"),
}
_OWNER: Final[Mapping[str, CaseStep]] = {
    "proof of owner asked for": CaseStep("kyc", {"status": "requested"}),
    "proof of owner passed": CaseStep("kyc", {"status": "passed"}),
    "proof of owner failed": CaseStep("kyc", {"status": "failed"}),
}
STEPS: Final[Mapping[str, Mapping[str, CaseStep]]] = {
    "claim": {
        "paid out": _PAID,
        "access asked for": CaseStep("access", {"event": "requested"}),
        "access granted": CaseStep("access", {"event": "granted"}),
        "access refused": CaseStep("access", {"event": "refused"}),
        "repaired": CaseStep("rectified"),
        "customer says it is not repaired": CaseStep("contest", {}, "operate", typed="reason"),
        "customer chooses the refund": CaseStep("choice", {"choice": "refund"}, "operate"),
        "customer chooses a replacement": CaseStep("choice", {"choice": "replacement"}, "operate"),
        "replaced by the number with this id": CaseStep("replacement", typed="activation"),
        "no replacement can be had": CaseStep("replacement", {"available": False}),
        **_OWNER,
        **_ALTERNATIVES,
    },
    "withdrawal": {
        "paid out": _PAID,
        "payment details asked for": CaseStep("payment-info", {"event": "requested"}),
        "payment details given": CaseStep("payment-info", {"event": "provided"}, "operate"),
        **_OWNER,
        **_ALTERNATIVES,
        "taken back by the customer": CaseStep("cancel", {}, "operate"),
    },
}
#: What a request may have to name.
REQUEST_FIELDS: Final = ("service", "amount", "reason", "details", "payment_system", "email")
