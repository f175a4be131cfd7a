"""What smspva-sdk 0.1.0a2, the provider's own, makes of SMSPVA. Run by test_foreign_clients."""

import json
import sys
from importlib import import_module


def main(url: str) -> None:
    smspva = import_module("smspva")
    errors = import_module("smspva.errors")
    with smspva.SMSPVA("sim-key", activation_base_url=url, rental_base_url=url) as client:
        numbers = client.activation
        told = numbers.get_number(country="RU", service="code-arrives:0")["data"]
        sms = numbers.receive_sms(orderid=told["orderId"])["data"]["sms"]
        stopped = numbers.stop_sms(orderid=told["orderId"])["statusCode"]
        silent = numbers.get_number(country="RU", service="timeout")["data"]["orderId"]
        waiting = numbers.receive_sms(orderid=silent)["statusCode"]
        listed = numbers.get_orders()["data"]["orders"]
        cancelled = numbers.cancel_order(orderid=silent)["statusCode"]
        try:
            gone = numbers.receive_sms(orderid=silent)["statusCode"]
        except errors.ApiError as error:
            gone = error.http_status
        rented = client.rental.create(dtype="day", dcount=1, country="RU", service="code-arrives:0")
        messages = client.rental.get_sms(id=rented["data"]["id"])["data"]["SmsList"]
        report = {
            "phone": "7" + str(told["phoneNumber"]),
            "code": sms["code"],
            "stopped": stopped,
            "waiting": waiting,
            "listed": [str(row["orderId"]) for row in listed],
            "silent": str(silent),
            "cancelled": cancelled,
            "gone": gone,
            "messages": len(messages),
            "balance": numbers.get_balance()["data"]["balance"],
        }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
