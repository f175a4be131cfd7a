"""A leader says whether it reaches what it leads.

Revision ID: 0028
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
