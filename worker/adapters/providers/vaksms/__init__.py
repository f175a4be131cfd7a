"""vak-sms: its activations and its rental."""

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.vaksms.activations import VakSmsAccount
from worker.adapters.providers.vaksms.rentals import VakSmsRentals

ADAPTER = FamilyAdapter(VakSmsAccount, VakSmsRentals)
