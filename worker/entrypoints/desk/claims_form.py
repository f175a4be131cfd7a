"""The form that opens a claim for a customer, about a number or about a rental."""

from collections.abc import Mapping
from typing import Any, Final

from worker.entrypoints.desk.notices import WouldBeLost
from worker.entrypoints.desk.visit import Visit

#: What customers come with, in their words. A policy may name further kinds.
KINDS: Final[Mapping[str, str]] = {
    "non_receiving": "no code came",
    "wrong_code": "the code is wrong",
    "incomplete_text": "only a part of the code came",
    "invalid_number": "the site does not take the number, or has banned it",
    "number_given_out": "somebody else has used the number before",
    "cancel_error": "Cancel did not work",
    "operator_block": "the operator has blocked the number",
    "no_numbers": "it could be ordered, but there was no number",
    "cannot_provide": "the number was never provided",
    "carrier_fault": "the mobile network has a fault",
    "major_defect": "a serious defect of the service",
    "incompatibility": "it does not work with another program",
    "third_party_support": "help with a site that is not ours",
    "other": "something else",
}
NAMED: Final = "named"  #: None of these: the kind is typed, as the policy names it.
LISTED_KINDS: Final[Mapping[str, str]] = {**KINDS, NAMED: "another kind, named below"}
DESTINATIONS: Final = ("balance", "client", "wallet", "original_method")
EVIDENCE: Final = ("screenshot", "screenshot_2fa", "photo", "video")
CHANNELS: Final = ("support", "email", "form")
#: What a request may have to name.
REQUEST_FIELDS: Final = ("service", "amount", "reason", "details", "payment_system", "email")

#: For the template of the form.
CHOICES: Final[Mapping[str, Any]] = {
    "kinds": LISTED_KINDS,
    "destinations": DESTINATIONS,
    "evidence_kinds": EVIDENCE,
    "channels": CHANNELS,
    "request_fields": REQUEST_FIELDS,
}


def statement_in(visit: Visit) -> dict[str, Any]:
    """The customer's part of a claim, as it was typed; raises `WouldBeLost`."""
    form = visit.form
    typed = typed_in(form)
    return {
        "claim_kind": _kind_in(typed),
        "reason": typed.get("reason"),
        "destination": typed.get("destination"),
        "claim_channel": typed.get("claim_channel"),
        "evidence": evidence_in(form),
        "request_fields": request_fields_in(form),
        "payment_details": {"details": details} if (details := typed.get("details")) else None,
        **{name: visit.minute(name) for name in ("claim_at", "issue_at", "stopped_at")},
    }


def _kind_in(typed: Mapping[str, str]) -> str:
    chosen, named = typed.get("claim_kind", ""), typed.get("other_kind")
    if chosen == NAMED and named is None:
        raise WouldBeLost("Another kind", "name it as the policy does, or choose one of the list.")
    if chosen != NAMED and named is not None:
        raise WouldBeLost("Another kind", f"choose “{LISTED_KINDS[NAMED]}”, or leave it empty.")
    return chosen if named is None else named


def evidence_in(form: Mapping[str, str]) -> list[dict[str, str]] | None:
    """One piece; None where none was chosen; raises `WouldBeLost`."""
    typed = typed_in(form)
    if "reference" in typed and "evidence" not in typed:
        raise WouldBeLost("Evidence", "choose what it is, or leave empty where it is.")
    piece = {"kind": typed.get("evidence"), "reference": typed.get("reference")}
    return [{name: value for name, value in piece.items() if value}] if piece["kind"] else None


def request_fields_in(form: Mapping[str, str]) -> list[str] | None:
    """None where none was ticked: then the request is taken to name all."""
    typed = typed_in(form)
    return [each for each in REQUEST_FIELDS if f"names_{each}" in typed] or None


def typed_in(form: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value.strip() for name, value in form.items() if value.strip()}
