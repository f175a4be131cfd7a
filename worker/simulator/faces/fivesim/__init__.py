"""The simulated 5sim."""
