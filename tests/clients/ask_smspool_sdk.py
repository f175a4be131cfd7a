"""What smspool-sdk 0.1.0, made from the provider's own description, makes of SMSPool.

Run by test_foreign_clients. It sends forms in parts, and the key as a bearer token.
"""

import json
import sys
from importlib import import_module
from typing import Any
from urllib.request import urlopen


def deliver(url: str, number: str) -> None:
    body = json.dumps({"id": number, "code": "13579", "text": "Code 13579"}).encode()
    with urlopen(f"{url}/_sim/sms", body):
        pass


def main(url: str) -> None:
    sdk: Any = import_module("smspool_sdk")
    account = sdk.Configuration(host=url, access_token="sim-key")
    sms = sdk.SMSApi(sdk.ApiClient(account))

    told = sms.purchase_sms(country="1", service="timeout")
    deliver(url, told["order_id"])
    read = sms.sms_check(orderid=told["order_id"])
    silent = sms.purchase_sms(country="1", service="timeout")
    waiting = sms.sms_check(orderid=silent["order_id"])
    listed = sms.request_active()
    cancelled = sms.sms_cancel(orderid=silent["order_id"])
    try:
        refused = str(sms.purchase_sms(country="1", service="no-numbers"))
    except sdk.ApiException as error:
        refused = json.loads(error.body)["type"]
    report = {
        "phone": str(told["number"]),
        "code": read["sms"],
        "completed": read["status"],
        "waiting": waiting["status"],
        "cancelled": cancelled["success"],
        "gone": sms.sms_check(orderid=silent["order_id"])["status"],
        "listed": [row["order_code"] for row in listed],
        "silent": silent["order_id"],
        "past": [row["status"] for row in sms.request_history()],
        "refused": refused,
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
