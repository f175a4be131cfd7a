"""A rental that is given back before its end is a case of its own kind.

Revision ID: 0014
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
