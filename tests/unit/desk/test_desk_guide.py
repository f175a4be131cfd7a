"""The desk's guide and its command line."""

import shlex
from pathlib import Path

import pytest
import typer.testing

import worker
from tests.acceptance.guides import blocks_of
from worker.entrypoints.cli.app import app
from worker.settings import load_settings

GUIDE = Path(worker.__file__).parent / "docs/desk.md"


def test_the_settings_that_the_guide_shows_are_taken(tmp_path: Path) -> None:
    (block,) = [block for block in blocks_of(GUIDE) if block.kind == "toml"]
    file = tmp_path / "worker.toml"
    file.write_text(block.text)

    desk = load_settings(file, environ={}).desk

    assert (desk.api, desk.actor_header) == ("http://127.0.0.1:8080", "X-Auth-User")
    assert desk.behind_tls
    assert str(desk.listen) == "127.0.0.1:8088"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("--listen nowhere", "--listen"),
        ("--listen 127.0.0.1:99999", "--listen"),
        ("--api ftp://x", "--api must"),
    ],
)
def test_what_the_command_cannot_use_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = typer.testing.CliRunner().invoke(app, ["desk", *shlex.split(options)])

    assert result.exit_code == 2
    assert why in result.output


def test_a_header_of_the_proxy_is_a_headers_name(tmp_path: Path) -> None:
    file = tmp_path / "worker.toml"
    file.write_text('[desk]\nactor_header = "X User: a"\n')

    with pytest.raises(Exception, match=r"desk\.actor_header"):
        load_settings(file, environ={})
