"""The command line has every act of the API that a person may want; the rest are a shop's own."""

import json
from importlib import import_module
from inspect import signature
from typing import Any, Final

import typer

from deploy.client import DESCRIPTION
from worker.entrypoints.cli.app import COMMANDS

#: What a shop's program does at each sale, many times a second, or what a provider or the desk
#: sends. A person has `trigger` and `import` instead.
OF_PROGRAMS: Final = {
    "rent_number", "watch_number", "watch_numbers", "open_accounts", "order_rental",
    "book_rental", "prolong_rental", "push_sms", "record_codes_shown",
}  # fmt: skip
COMMAND_OF: Final = {
    "open_account": "account open", "top_up_account": "account top-up",
    "add_account_note": "account note", "tell_account_event": "account event",
    "cancel_activation": "number cancel", "finish_activation": "number finish",
    "resend_activation": "number resend", "report_activation": "number report",
    "add_activation_note": "number note",
    "report_outage": "rental outage", "report_restored": "rental restored",
    "cancel_rental": "rental cancel",
    "open_claim": "cases claim", "open_withdrawal": "cases withdraw",
    "decide_claim": "cases verdict", "decide_withdrawal": "cases verdict",
    "decide_review": "cases verdict",
    "add_claim_evidence": "cases evidence", "tell_claim_access": "cases access",
    "tell_claim_rectified": "cases rectified", "tell_claim_contest": "cases contest",
    "tell_claim_choice": "cases choice", "tell_claim_replacement": "cases replacement",
    "tell_claim_kyc": "cases kyc", "tell_withdrawal_kyc": "cases kyc",
    "tell_claim_paid": "cases paid", "tell_withdrawal_paid": "cases paid",
    "tell_claim_alternative": "cases alternative",
    "tell_withdrawal_alternative": "cases alternative",
    "add_claim_note": "cases note", "add_withdrawal_note": "cases note",
    "tell_withdrawal_payment_info": "cases payment-info",
    "tell_withdrawal_cancel": "cases take-back",
    "pause_provider": "provider pause", "resume_provider": "provider resume",
    "drain_provider": "provider drain",
    "replay_events": "events replay", "enable_endpoint": "events enable-endpoint",
}  # fmt: skip


#: The option of a member of a body, where it is called otherwise.
OPTION_OF: Final = {
    "amount_minor": "amount", "claim_channel": "channel", "claim_kind": "kind",
    "extension_beyond_control": "until", "extension_until": "until", "findings": "finding",
    "payment_details": "detail", "replacement_value_minor": "value", "request_fields": "field",
    "value_minor": "value", "withdraw_reason": "why", "available": "none",
}  # fmt: skip
#: The account has its policy. A range of events is sent again by a program that has their numbers.
NO_OPTION: Final = {
    ("open_withdrawal", "policy"), ("tell_account_event", "policy"),
    ("replay_events", "after"), ("replay_events", "until"), ("replay_events", "type"),
}  # fmt: skip


def description() -> Any:
    return json.loads(DESCRIPTION.read_text())


def operations() -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for methods in description()["paths"].values()
        for method, operation in methods.items()
        if method != "get"
    }


def acts() -> set[str]:
    return set(operations())


def members_of(operation: Any, schemas: Any) -> set[str]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return set(schemas[name]["properties"]) if name else set()


def parameters_of(command: str) -> set[str]:
    """Of the function behind it: its options and arguments."""
    group, _, name = command.partition(" ")
    (found,) = (each for each in app_of(group).registered_commands if each.name == name)
    assert found.callback is not None
    return {each.removesuffix("_") for each in signature(found.callback).parameters}


def app_of(group: str) -> typer.Typer:
    module, _, attribute = COMMANDS[group].where.partition(":")
    app: Any = getattr(import_module(f"worker.entrypoints.cli.{module}"), attribute)
    assert isinstance(app, typer.Typer)
    return app


def commands_of(group: str) -> set[str | None]:
    return {command.name for command in app_of(group).registered_commands}


def test_each_act_has_its_command_or_is_of_a_program() -> None:
    assert not COMMAND_OF.keys() & OF_PROGRAMS
    assert COMMAND_OF.keys() | OF_PROGRAMS == acts()


def test_each_of_these_commands_is_there() -> None:
    missing = {
        command
        for command in COMMAND_OF.values()
        if command.split()[1] not in commands_of(command.split()[0])
    }

    assert missing == set()


def test_each_member_of_a_body_has_its_option() -> None:
    found, schemas = operations(), description()["components"]["schemas"]

    missing = {
        (act, member)
        for act, command in COMMAND_OF.items()
        for member in members_of(found[act], schemas)
        if not {member, OPTION_OF.get(member), "text" if member == "note" else None}
        & parameters_of(command)
    }

    assert missing == NO_OPTION
