"""Room on the pages of activations: leases and codes change rows in place.

Revision ID: 0006
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
