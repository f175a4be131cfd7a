"""The simulated sms-man, second version."""
