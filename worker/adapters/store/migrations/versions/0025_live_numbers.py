"""Numbers that live have a narrow row of their own, so that a settlement writes to no index.

Revision ID: 0025
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
