"""Whether a key of a policy decides anything: found by asking questions, not from a list."""
