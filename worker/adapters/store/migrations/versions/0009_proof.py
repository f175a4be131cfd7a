"""A purchase in doubt ends by proof.

Revision ID: 0009
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
