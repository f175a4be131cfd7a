"""What smsactivate 1.5 makes of the classic dialect. Run by test_foreign_clients."""

import json
import sys
from importlib import import_module


def main(url: str) -> None:
    client = import_module("smsactivate.api").SMSActivateAPI("sim-key")
    client._SMSActivateAPI__api_url = f"{url}/stubs/handler_api.php"

    told = client.getNumber(service="code-arrives:0", country=0)
    number = told["activation_id"]
    code = client.getStatus(id=number)
    finished = client.setStatus(id=number, status=6)
    silent = client.getNumberV2(service="timeout", country=0)
    waiting = client.getStatus(id=silent["activationId"])
    listed = client.getActiveActivations()
    cancelled = client.setStatus(id=silent["activationId"], status=8)
    gone = client.getStatus(id=silent["activationId"])
    rented = client.getRentNumber(service="code-arrives:0", time=24)["phone"]
    messages = client.getRentStatus(id=rented["id"])
    returned = client.setRentStatus(id=rented["id"], status=1)
    report = {
        "phone": str(told["phone"]),
        "code": code.removeprefix("STATUS_OK:"),
        "finished": finished,
        "waiting": waiting,
        "listed": [row["activationId"] for row in listed["activeActivations"]],
        "silent": str(silent["activationId"]),
        "cancelled": cancelled,
        "gone": gone["error"],
        "messages": messages["quantity"],
        "returned": returned["status"],
        "refused": client.getNumber(service="no-numbers", country=0)["error"],
        "balance": client.getBalance()["balance"],
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
