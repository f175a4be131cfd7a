"""What smsbower 0.1.0 makes of the smsbower dialect. Run by test_foreign_clients.

Excepted: a 4xx becomes NETWORK_ERROR there, so a bad key cannot be told from a broken line.
"""

import json
import sys
from importlib import import_module


def main(url: str) -> None:
    smsbower = import_module("smsbower")
    with smsbower.SmsBowerClient("sim-key", base_url=url) as client:
        told = client.get_number("code-arrives:0", country=0)
        code = client.get_status(told.id)
        finished = client.set_status(told.id, 6)
        silent = client.get_number("timeout", country=0)
        waiting = client.get_status(silent.id)
        cancelled = client.set_status(silent.id, 8)
        try:
            refused = str(client.get_number("no-numbers", country=0))
        except smsbower.SmsBowerError as error:
            refused = str(error.code)
        report = {
            "phone": told.number,
            "code": code.code,
            "finished": finished,
            "waiting": waiting.status,
            "cancelled": cancelled,
            "gone": client.get_status(silent.id).status,
            "refused": refused,
            "balance": f"{client.get_balance():.2f}",
        }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
