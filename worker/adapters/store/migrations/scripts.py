"""The SQL beside a revision, statement by statement."""

from pathlib import Path

from alembic import op


def run_beside(revision: str) -> None:
    """Run the .sql of the same name as the file *revision*."""
    for statement in statements(Path(revision).with_suffix(".sql").read_text()):
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
