"""The command line has every act of the API that a person may want; the rest are a shop's own."""

import json
from importlib import import_module
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


def acts() -> set[str]:
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return {
        operation["operationId"]
        for methods in paths.values()
        for method, operation in methods.items()
        if method != "get"
    }


def commands_of(group: str) -> set[str | None]:
    module, _, attribute = COMMANDS[group].where.partition(":")
    app: Any = getattr(import_module(f"worker.entrypoints.cli.{module}"), attribute)
    assert isinstance(app, typer.Typer)
    return {command.name for command in app.registered_commands}


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
