"""The simulated SMSPVA: its second version, and its old script for rentals."""
