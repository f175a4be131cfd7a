"""Cases: claims, outages, withdrawals and account events, their decisions and durable timers.

Revision ID: 0002
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Semicolons end statements here and stand nowhere else: asyncpg prepares one at a time.
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n"):
        if statement.strip():
            op.execute(statement)
