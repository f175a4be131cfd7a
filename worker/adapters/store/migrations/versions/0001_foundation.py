"""The foundation: accounts, ledger, activations, settlements, outbox.

Revision ID: 0001
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements(Path(__file__).with_suffix(".sql").read_text()):
        op.execute(statement)


def statements(script: str) -> list[str]:
    """asyncpg prepares one statement at a time; a function body holds semicolons of its own."""
    parts: list[str] = []
    for part in script.split(";\n"):
        if parts and parts[-1].count("$$") % 2:
            parts[-1] += ";\n" + part
        else:
            parts.append(part)
    return [part for part in parts if part.strip()]
