"""Alembic's scripts: additive only, because old and new code run side by side in a deploy."""
