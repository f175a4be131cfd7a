"""Orders of long rentals keep the shop's own id and the facts that were told with them.

Revision ID: 0022
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
