"""What numbers cost at a provider, beside what became of them.

Revision ID: 0019
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
