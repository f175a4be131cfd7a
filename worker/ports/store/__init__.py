"""The database, as the lifecycle needs it."""
