"""The simulated vak-sms."""
