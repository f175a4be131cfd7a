"""What smsman 1.0.3 makes of sms-man. Run by test_foreign_clients.

Excepted: it finishes nothing and does not read what became of a cancel.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def main(url: str) -> None:
    smsman: Any = import_module("smsman.smsman")
    smsman.Smsman._Smsman__base_url = f"{url}/control"
    client = smsman.Smsman("sim-key")
    told, phone = client.request_phone_number("7", "code-arrives:0")
    code = client.get_sms(told)
    silent, _ = client.request_phone_number("7", "timeout")
    waiting = refusal(lambda: client.get_sms(silent))
    client.reject_number(silent)
    report = {
        "phone": phone,
        "code": code,
        "waiting": waiting,
        "gone": refusal(lambda: client.get_sms(silent)),
        "refused": refusal(lambda: client.request_phone_number("7", "no-numbers")),
        "balance": f"{client.get_balance():.2f}",
    }
    sys.stdout.write(json.dumps(report))


def refusal(call: Callable[[], object]) -> str:
    """What it was told; there must be a refusal."""
    try:
        return f"none: {call()}"
    except import_module("smsman.errors").Error as error:
        return str(error.error_message)


main(sys.argv[1])
