"""activation-worker: every rented number is watched, and ends exactly once."""
