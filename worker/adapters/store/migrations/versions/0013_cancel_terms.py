"""When Cancel may be pressed stands beside the deadline, fixed at intake.

Revision ID: 0013
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
