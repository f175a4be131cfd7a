"""Cases: claims, outages, withdrawals and account events, their decisions and durable timers.

Revision ID: 0002
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
