"""Answers: what was answered under an Idempotency-Key.

Revision ID: 0005
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
