"""What pysmshub 0.1.3 makes of the smshub dialect. Run by test_foreign_clients."""

import json
import sys
from importlib import import_module
from typing import Any


def main(url: str) -> None:
    smshub: Any = import_module("pysmshub")
    client = smshub.SyncSmsHubApi("sim-key")
    client.base_url = f"{url}/stubs/handler_api.php"
    told, phone = client.get_number("code-arrives:0", country="0")
    _, code = client.get_status(told)
    finished = client.set_status(told, 6)
    silent, _ = client.get_number("timeout", operator="any", country="0")
    waiting, _ = client.get_status(silent)
    cancelled = client.set_status(silent, 8)
    gone, _ = client.get_status(silent)
    try:
        refused = str(client.get_number("no-numbers", country="0"))
    except import_module("pysmshub.exceptions").SmsHubApiException as error:
        refused = error.response
    report = {
        "phone": phone,
        "code": code,
        "finished": finished,
        "waiting": waiting,
        "cancelled": cancelled,
        "gone": gone,
        "refused": refused,
        "balance": f"{client.get_balance():.2f}",
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
