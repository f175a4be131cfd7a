"""vak-sms' own protocol."""
