"""What was proven of the books is remembered, and the sums that later proofs begin from.

Revision ID: 0020
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
