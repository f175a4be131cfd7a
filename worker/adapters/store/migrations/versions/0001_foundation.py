"""The foundation: accounts, ledger, activations, settlements, outbox.

Revision ID: 0001
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
