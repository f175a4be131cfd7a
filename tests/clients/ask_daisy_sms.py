"""What daisy-sms 1.0.2 makes of the daisysms dialect. Run by test_foreign_clients.

Excepted: it knows one host, so its requests are sent to another one; and it takes a code for a
number, so zeros at its beginning would be lost.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

HOST = "https://daisysms.com"


def main(url: str) -> None:
    requests: Any = import_module("requests")
    get = requests.get
    requests.get = lambda target: get(target.replace(HOST, url))
    daisy = import_module("daisy_sms.client")
    client = daisy.DaisySmsClient("sim-key")

    told = client.rent_number(SimpleNamespace(value="code-arrives:0"), 1.0)
    code = client.get_code(told.id)
    client.mark_rental_as_done(told.id)
    silent = client.rent_number(SimpleNamespace(value="timeout"), 1.0)
    waiting = client.get_code(silent.id)
    client.cancel_rental(silent.id)
    report = {
        "phone": str(told.number),
        "code": str(code.code),
        "waiting": waiting.status.value,
        "gone": client.get_code(silent.id).status.value,
        "again": refusal(lambda: client.cancel_rental(silent.id)),
        "refused": refusal(lambda: client.rent_number(SimpleNamespace(value="no-numbers"), 1.0)),
        "dear": refusal(lambda: client.rent_number(SimpleNamespace(value="timeout"), 0.01)),
        "balance": f"{client.get_balance():.2f}",
    }
    sys.stdout.write(json.dumps(report))


def refusal(call: Callable[[], object]) -> str:
    """The name of the error; there must be one."""
    try:
        return f"none: {call()}"
    except Exception as error:  # noqa: BLE001 - each has a class of its own there
        return type(error).__name__


main(sys.argv[1])
