"""The texts of SMS are found when their time is over.

Revision ID: 0007
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
