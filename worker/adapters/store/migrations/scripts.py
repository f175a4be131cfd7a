"""The SQL beside a revision, run as one script."""

from pathlib import Path

from alembic import op


def run_beside(revision: str) -> None:
    """Run the .sql of the same name as the file *revision*.

    The server itself reads where a statement ends: a script goes to it whole. SQLAlchemy would
    prepare it, which takes a single statement.
    """
    script = Path(revision).with_suffix(".sql").read_text()
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    connection.run_async(lambda driver: driver.execute(script))
