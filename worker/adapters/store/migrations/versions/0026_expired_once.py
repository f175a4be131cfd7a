"""That a number's window ended in silence is written into its row, with its lease.

Revision ID: 0026
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
