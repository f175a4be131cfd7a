"""Which schema a database has and which one this version needs; by files, without Alembic.

The daemon asks at its start: to import Alembic takes longer than all that is asked.
"""

from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from worker.adapters.store.layout import LAYOUT
from worker.adapters.store.refusals import outgrown
from worker.ports.errors import SchemaMissing

ROLE = "activation_worker"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_IS_THERE = text("SELECT to_regclass('alembic_version')")
_REVISION = text("SELECT version_num FROM alembic_version")
_WRITTEN = text("SELECT written FROM layout")


@cache
def known() -> frozenset[str]:
    """The revisions of this version of the code; the file of each begins with its number."""
    return frozenset(file.stem.partition("_")[0] for file in MIGRATIONS.glob("versions/*.sql"))


def head() -> str:
    """The revision this version of the code needs."""
    return max(known())


def revision(connection: Connection) -> str | None:
    """That of the database; None where it has no schema."""
    if connection.execute(_IS_THERE).scalar_one() is None:
        return None
    return connection.execute(_REVISION).scalar()


def is_later(found: str) -> bool:
    """Whether a database at *found* was migrated by a later version of the code."""
    return found not in known()


def check(connection: Connection) -> None:
    """Raise `SchemaMissing` where the database is not at this version's revision, or beyond.

    A newer database is fine until its upgrade is finished: migrations are additive, and a deploy
    runs both versions.
    """
    found = revision(connection)
    if found is None:
        raise SchemaMissing("the database has no schema: run `activation-worker migrate`")
    if not is_later(found) and found != head():
        raise SchemaMissing(
            f"the schema is at {found}, this version needs {head()}:"
            " run `activation-worker migrate`"
        )
    if connection.execute(_WRITTEN).scalar_one() > LAYOUT:
        raise outgrown()
