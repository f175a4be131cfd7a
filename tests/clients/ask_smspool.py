"""What smspool 0.0.4 makes of SMSPool. Run by test_foreign_clients."""

import json
import sys
from importlib import import_module
from urllib.request import urlopen


def deliver(url: str, number: str) -> None:
    body = json.dumps({"id": number, "code": "13579", "text": "Code 13579"}).encode()
    with urlopen(f"{url}/_sim/sms", body):
        pass


def main(url: str) -> None:
    client = import_module("smspool.client").smspool("sim-key", f"{url}/api/")
    told = client.purchase_sms("1", "timeout")
    deliver(url, told["order_id"])
    read = client.check_sms(told["order_id"])
    silent = client.purchase_sms("1", "timeout")
    waiting = client.check_sms(silent["order_id"])
    listed = client.get_active_orders()
    cancelled = client.cancel_sms(silent["order_id"])
    try:
        refused = str(client.purchase_sms("1", "no-numbers"))
    except Exception as error:  # noqa: BLE001 - the client raises nothing more exact
        refused = json.loads(str(error))["type"]
    report = {
        "phone": str(told["number"]),
        "code": read["sms"],
        "completed": read["status"],
        "waiting": waiting["status"],
        "cancelled": cancelled["success"],
        "gone": client.check_sms(silent["order_id"])["status"],
        "listed": [row["order_code"] for row in listed],
        "silent": silent["order_id"],
        "past": [row["status"] for row in client.get_order_history()],
        "refused": refused,
        "balance": client.get_balance()["balance"],
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
