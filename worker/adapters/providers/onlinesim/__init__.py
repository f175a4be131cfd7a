"""onlinesim: its activations, its rentals and its pushes."""

from functools import partial

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.onlinesim.activations import OnlineSimAccount
from worker.adapters.providers.onlinesim.rentals import RENTALS
from worker.adapters.providers.pushes import PushBody, push_of
from worker.adapters.providers.rental_account import RentalAccount
from worker.ports.service import Push


def parse_push(body: PushBody) -> list[Push]:
    """The operation that an SMS came to; nothing where it came to a long rental."""
    if body.get("webhook_type") != "receiving_sms":
        return []
    # `code` is the id of the SMS, not what the customer waits for.
    content = (body.get("code"), body.get("message"), body.get("time_start"))
    return [push_of(body.get("operation_id"), body.get("number"), None, content)]


ADAPTER = FamilyAdapter(OnlineSimAccount, partial(RentalAccount, RENTALS), parse_push)
