"""Disputes: single numbers about which a provider says other things than our books.

Revision ID: 0004
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
