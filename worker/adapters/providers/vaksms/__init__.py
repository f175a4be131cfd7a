"""vak-sms: its activations and its rental."""

from functools import partial

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.rental_account import RentalAccount
from worker.adapters.providers.vaksms.activations import VakSmsAccount
from worker.adapters.providers.vaksms.rentals import RENTALS

ADAPTER = FamilyAdapter(VakSmsAccount, partial(RentalAccount, RENTALS))
