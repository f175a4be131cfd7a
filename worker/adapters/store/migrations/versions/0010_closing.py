"""An account whose deletion waits is closing, no longer blocked.

Revision ID: 0010
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
