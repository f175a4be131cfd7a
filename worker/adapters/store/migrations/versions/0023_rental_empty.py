"""At a rental's end a second timer asks whether it was empty.

Revision ID: 0023
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
