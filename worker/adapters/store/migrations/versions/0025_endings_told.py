"""What an event tells of an ending is read from the number and its settlement.

Revision ID: 0025
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
