"""The simulated onlinesim."""
