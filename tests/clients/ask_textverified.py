"""What textverified 0.1.1 makes of TextVerified. Run by test_foreign_clients."""

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
    textverified: Any = import_module("textverified")
    client = textverified.TextVerified(
        api_key="sim-key", api_username="buyer@example.com", base_url=url
    )

    def buy(service: str) -> Any:
        wanted = textverified.NewVerificationRequest(
            service_name=service, capability=textverified.ReservationCapability.SMS
        )
        return client.verifications.create(wanted)

    told = buy("timeout")
    deliver(url, told.id)
    silent = buy("timeout")
    waiting = client.verifications.details(silent).state
    listed = [each.id for each in client.verifications.list()]
    client.verifications.cancel(silent)
    try:
        refused = str(buy("no-numbers"))
    except textverified.TextVerifiedError as error:
        refused = error.error_code
    report = {
        "phone": f"7{told.number}",  # It leaves the code of the country out.
        "code": next(sms.parsed_code for sms in client.sms.list(told)),
        "completed": client.verifications.details(told).state.value,
        "waiting": waiting.value,
        "gone": client.verifications.details(silent).state.value,
        "listed": listed,
        "silent": silent.id,
        "refused": refused,
        "balance": f"{client.account.me().current_balance:.2f}",
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
