"""An order of a long rental in doubt waits for a human until a date.

Revision ID: 0026
"""

from worker.adapters.store.migrations.scripts import run_beside

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_beside(__file__)
