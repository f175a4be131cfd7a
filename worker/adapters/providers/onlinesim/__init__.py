"""onlinesim's own protocol."""

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.onlinesim import pushes
from worker.adapters.providers.onlinesim.activations import OnlineSimAccount
from worker.adapters.providers.onlinesim.rentals import OnlineSimRentals

ADAPTER = FamilyAdapter(OnlineSimAccount, OnlineSimRentals, pushes.parse)
