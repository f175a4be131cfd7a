"""onlinesim's own protocol."""
