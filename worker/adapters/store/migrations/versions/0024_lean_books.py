"""What a number's row or its settlement says already is read from there.

Revision ID: 0024
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
