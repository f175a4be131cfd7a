"""Database URLs as libpq has them: what can work is taken, the rest names what is wrong."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from worker.settings.values import check_database_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h1:5432,h2:5433/db?target_session_attrs=read-write",
        "postgres://shop:secret@h1,h2/db",
        "postgresql://postgres@/db?host=/run/postgresql",
        "postgresql://h/db?sslmode=verify-full&application_name=shop",
        "postgresql://[::1]:5432/db",
    ],
)
def test_what_libpq_understands_is_taken(url: str) -> None:
    assert check_database_url(SecretStr(url)).get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://shop:secret@h1:1,h2:x/db", "host and port can be read"),
        ("postgresql://shop:secret@h/db?sslmode=yes", "sslmode must be one of"),
        ("postgresql://shop:secret@h/db?target_session_attrs=best", "target_session_attrs must"),
        ("postgresql://shop:secret@h/db?sslrootcert=/nowhere/ca.pem", "sslrootcert names no file"),
        ("postgresql://shop:secret@h1,h2/", "must name a database"),
        ("host=h dbname=db password=secret", "must"),
    ],
)
def test_what_cannot_work_is_refused_without_a_secret(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        check_database_url(SecretStr(url))

    assert "secret" not in str(refused.value)


def test_a_certificate_that_is_there_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()

    assert check_database_url(SecretStr(f"postgresql://h/db?sslrootcert={file}"))
