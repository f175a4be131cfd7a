"""SMSPVA's second version, and its old script for rentals."""
