"""sms-man, second version: its activations and its rentals."""

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.smsman.activations import SmsManAccount
from worker.adapters.providers.smsman.rentals import SmsManRentals

ADAPTER = FamilyAdapter(SmsManAccount, SmsManRentals)
