"""SMSPool: its activations, its history, its rentals and its pushes."""

from functools import partial

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.pushes import PushBody, push_of
from worker.adapters.providers.smspool.activations import SmsPoolAccount
from worker.adapters.providers.smspool.rentals import RENTALS, SmsPoolRentals
from worker.ports.service import Push


def parse_push(body: PushBody) -> list[Push]:
    """The order that an SMS came to. Pushes are switched on per account and are not signed."""
    content = (body.get("timestamp"), body.get("sms"), body.get("full_sms"))
    return [push_of(body.get("orderid"), None, None, content)]


ADAPTER = FamilyAdapter(SmsPoolAccount, partial(SmsPoolRentals, RENTALS), parse_push)
