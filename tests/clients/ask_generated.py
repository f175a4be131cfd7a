"""What a client generated from our description does: rents a number and cancels it.

Arguments: the folder of the generated package `generated`, the daemon's URL, its token.
"""

import json
import sys
from importlib import import_module
from typing import Any

sys.path.insert(0, sys.argv[1])

generated: Any = import_module("generated")
accounts: Any = import_module("generated.api.accounts")
models: Any = import_module("generated.models")
numbers: Any = import_module("generated.api.activations")
for call in ("get_account", "open_account", "top_up_account"):
    import_module(f"generated.api.accounts.{call}")
for call in ("cancel_activation", "rent_number"):
    import_module(f"generated.api.activations.{call}")

client = generated.AuthenticatedClient(sys.argv[2], sys.argv[3], raise_on_unexpected_status=True)
accounts.open_account.sync("acme", client=client, body=models.OpenAccount(currency="USD"))
accounts.top_up_account.sync(
    "acme", client=client, body=models.TopUp(reference="first", amount_minor=500)
)
order = models.RentOrder(
    account="acme", provider="sim", service="timeout", country="0", price_minor=120
)
rented = numbers.rent_number.sync(client=client, body=order, idempotency_key="order-1")
held = accounts.get_account.sync("acme", client=client)
cancelled = numbers.cancel_activation.sync(rented.id, client=client)
unknown = numbers.cancel_activation.sync("no-such-id", client=client)
json.dump(
    {
        "rented": rented.state,
        "held": held.held_minor,
        "cancelled": cancelled.state,
        "settled": cancelled.settlement.outcome,
        "unknown": unknown.type_,
    },
    sys.stdout,
)
