"""5sim: its activations, its history and its hosting."""

from functools import partial

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.fivesim.activations import FiveSimAccount
from worker.adapters.providers.fivesim.rentals import RENTALS
from worker.adapters.providers.rental_account import RentalAccount

ADAPTER = FamilyAdapter(FiveSimAccount, partial(RentalAccount, RENTALS))
