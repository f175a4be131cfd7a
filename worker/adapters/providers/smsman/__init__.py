"""sms-man's own protocol, second version."""
