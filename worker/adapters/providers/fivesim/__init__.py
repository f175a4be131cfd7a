"""5sim's own protocol."""
