"""SMSPVA's second version, and its old script for rentals."""

from worker.adapters.providers.family import FamilyAdapter
from worker.adapters.providers.smspva.activations import SmsPvaAccount
from worker.adapters.providers.smspva.rentals import SmsPvaRentals

ADAPTER = FamilyAdapter(SmsPvaAccount, SmsPvaRentals)
