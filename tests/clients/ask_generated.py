"""What a client generated from our description does: rents a number and cancels it.

Arguments: the folder of the generated package `generated`, the daemon's URL, its token.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from generated import AuthenticatedClient
from generated.api.accounts import get_account, open_account, top_up_account
from generated.api.activations import cancel_activation, rent_number
from generated.models import OpenAccount, RentOrder, TopUp

client = AuthenticatedClient(sys.argv[2], sys.argv[3], raise_on_unexpected_status=True)
open_account.sync("acme", client=client, body=OpenAccount(currency="USD"))
top_up_account.sync("acme", client=client, body=TopUp(reference="first", amount_minor=500))
order = RentOrder(account="acme", provider="sim", service="timeout", country="0", price_minor=120)
rented = rent_number.sync(client=client, body=order, idempotency_key="order-1")
held = get_account.sync("acme", client=client)
cancelled = cancel_activation.sync(rented.id, client=client)
unknown = cancel_activation.sync("no-such-id", client=client)
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
