"""Every call of the API in one class.

Written by `python -m deploy.client`; a test compares it with the API.
"""

from worker.client.calls.accounts import AccountCalls
from worker.client.calls.activations import ActivationCalls
from worker.client.calls.cases import CaseCalls
from worker.client.calls.claims import ClaimCalls
from worker.client.calls.description import DescriptionCalls
from worker.client.calls.events import EventCalls
from worker.client.calls.hooks import HookCalls
from worker.client.calls.providers import ProviderCalls
from worker.client.calls.rentals import RentalCalls
from worker.client.calls.reviews import ReviewCalls
from worker.client.calls.withdrawals import WithdrawalCalls


class AllCalls(
    AccountCalls,
    ActivationCalls,
    CaseCalls,
    ClaimCalls,
    DescriptionCalls,
    EventCalls,
    HookCalls,
    ProviderCalls,
    RentalCalls,
    ReviewCalls,
    WithdrawalCalls,
):
    """One method for each `operationId`."""
