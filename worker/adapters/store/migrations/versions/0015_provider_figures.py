"""What ops see of providers: their figures, and who stopped or started renting there.

Revision ID: 0015
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
