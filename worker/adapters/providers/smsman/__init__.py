"""sms-man, second version: its activations and its rentals."""

from functools import partial

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.rental_account import RentalAccount
from worker.adapters.providers.smsman.activations import SmsManAccount
from worker.adapters.providers.smsman.rentals import RENTALS

ADAPTER = FamilyAdapter(SmsManAccount, partial(RentalAccount, RENTALS))
