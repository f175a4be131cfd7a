"""The demo: real servers, a provider process with an outage, the daemon itself, and the report.

scenarios  which numbers are rented, and how each must end
servers    PostgreSQL, Valkey, the simulated provider and the daemon
run        rent, press Cancel, cause the outage, wait for the ends
report     what the provider's books and the audit say of the ends
"""
