"""Periods of the books are closed, exported and dropped; what is forgotten leaves its mark.

Revision ID: 0021
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
