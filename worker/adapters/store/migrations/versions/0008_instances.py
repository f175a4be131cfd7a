"""Processes of the worker are rows, and what they lease names them.

Revision ID: 0008
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
