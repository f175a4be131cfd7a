"""What fivesim 1.2.0 makes of 5sim. Run by test_foreign_clients.

It knows products from a list of its own only, so the SMS is delivered over the control API.
"""

import json
import sys
from importlib import import_module
from typing import Any
from urllib.request import urlopen


def deliver(url: str, number: int) -> None:
    body = json.dumps({"id": number, "code": "13579", "text": "Code 13579"}).encode()
    with urlopen(f"{url}/_sim/sms", body):
        pass


def main(url: str) -> None:
    fivesim: Any = import_module("fivesim")
    client = fivesim.FiveSim("sim-key")
    client.user._APIRequest__endpoint = f"{url}/v1/user/"
    what = (
        fivesim.Country.RUSSIA,
        fivesim.Operator.ANY_OPERATOR,
        fivesim.ActivationProduct.TELEGRAM,
    )
    told = client.user.buy_number(*what)
    deliver(url, told.id)
    checked = client.user.order(fivesim.OrderAction.CHECK, told)
    finished = client.user.order(fivesim.OrderAction.FINISH, told)
    silent = client.user.buy_number(*what)
    waiting = client.user.order(fivesim.OrderAction.CHECK, silent)
    cancelled = client.user.order(fivesim.OrderAction.CANCEL, silent)
    listed = client.user.get_orders_history(fivesim.Category.ACTIVATION)
    try:
        refused = str(client.user.order(fivesim.OrderAction.CANCEL, silent))
    except fivesim.FiveSimError as error:
        refused = error.get_error().name
    report = {
        "phone": told.phone.removeprefix("+"),
        "code": checked.sms[0].activation_code,
        "finished": finished.status.name,
        "waiting": waiting.status.name,
        "cancelled": cancelled.status.name,
        "listed": [str(order.id) for order in listed.data],
        "silent": str(silent.id),
        "refused": refused,
        "balance": f"{client.user.get_profile_data().balance:.2f}",
    }
    sys.stdout.write(json.dumps(report))


main(sys.argv[1])
