"""What grizzly-sms-client 0.1.1 makes of the grizzly dialect. Run by test_foreign_clients."""

import json
import sys
from importlib import import_module
from typing import Any


def main(url: str) -> None:
    grizzly: Any = import_module("grizzly_sms")
    with grizzly.GrizzlySms("sim-key", base_url=url) as client:
        told = client.get_number_v2("code-arrives:0", country=0)
        code = client.wait_for_code(told.activation_id, interval_ms=50, timeout_ms=5_000).code
        finished = client.complete(told.activation_id)
        silent = client.get_number("timeout")
        waiting = client.get_status(silent.activation_id).status
        listed = [row.activation_id for row in client.get_active_activations()]
        cancelled = client.cancel(silent.activation_id, -1)
        try:
            refused = str(client.get_number("no-numbers", country="any"))
        except grizzly.GrizzlySmsError as error:
            refused = error.code
        report = {
            "phone": told.phone_number,
            "code": code,
            "finished": finished,
            "waiting": waiting,
            "listed": listed,
            "silent": silent.activation_id,
            "cancelled": cancelled,
            "gone": client.get_status(silent.activation_id).status,
            "dated": told.activation_cancel is not None and told.activation_end is not None,
            "refused": refused,
            "balance": f"{client.get_balance():.2f}",
        }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
