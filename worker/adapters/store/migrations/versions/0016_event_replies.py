"""The last answer to each event is kept, and which endpoint wants no more.

Revision ID: 0016
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
