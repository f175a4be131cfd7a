"""A call under an Idempotency-Key finds the case that it opened.

Revision ID: 0027
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
