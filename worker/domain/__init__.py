"""Pure facts and rules: no I/O, no clock, no service, no setting."""
