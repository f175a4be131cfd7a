"""What onlinesimru 2.1.3 makes of onlinesim. Run by test_foreign_clients.

Excepted: it takes the `true` that closes a rental for an error.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.request import urlopen


def deliver(url: str, number: int) -> None:
    body = json.dumps({"id": number, "code": "13579", "text": "Code 13579"}).encode()
    with urlopen(f"{url}/_sim/sms", body):
        pass


def main(url: str) -> None:
    driver: Any = import_module("onlinesimru").Driver(apikey="sim-key", base_url=url)
    numbers, rentals = driver.numbers(), driver.rent()
    told = numbers.get("timeout", number=True)
    deliver(url, told["tzid"])
    code = numbers.stateOne(told["tzid"])["msg"][0]["msg"]
    numbers.close(told["tzid"])
    silent = numbers.get("timeout")
    listed = [str(row["tzid"]) for row in numbers.state()]
    waiting = numbers.stateOne(silent)["response"]
    numbers.close(silent)
    rented = rentals.rent_new_number(7, 1)["tzid"]
    deliver(url, rented)
    report = {
        "phone": told["number"].removeprefix("+"),
        "code": code,
        "waiting": waiting,
        "listed": listed,
        "silent": str(silent),
        "gone": numbers.stateOne(silent)["response"],
        "message": rentals.get_last_message(rented).text,
        "extended": rentals.extend_number_rental(rented).tzid == rented,
        "refused": refusal(lambda: numbers.get("no-numbers")),
        "balance": driver.user().balance()["balance"],
    }
    sys.stdout.write(json.dumps(report))


def refusal(call: Callable[[], object]) -> str:
    """What it was told; there must be a refusal."""
    try:
        return f"none: {call()}"
    except import_module("onlinesimru.exceptions").RequestException as error:
        return str(error.error)


main(sys.argv[1])
