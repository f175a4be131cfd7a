"""5sim: its activations, its history and its hosting."""

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.fivesim.activations import FiveSimAccount
from worker.adapters.providers.fivesim.rentals import FiveSimRentals

ADAPTER = FamilyAdapter(FiveSimAccount, FiveSimRentals)
