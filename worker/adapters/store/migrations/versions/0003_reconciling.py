"""Reconciling: readings of providers' balances, what they do not explain, and drained providers.

Revision ID: 0003
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
