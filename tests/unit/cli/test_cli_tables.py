"""Tables on a terminal, whose width is somebody's and not ours."""

import io
import sys
from collections.abc import Sequence

import pytest

from worker.entrypoints.cli.activations import COLUMNS
from worker.entrypoints.cli.output import write_rows

ID = "0191d2c4-6a3e-5f11-9c1b-7d2f0a4e8b33"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: Sequence[str], row: Sequence[str]
) -> list[str]:
    shown = Terminal()
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", shown)
        write_rows(columns, [row])
    return shown.getvalue().splitlines()


def test_an_id_is_never_cut_in_pieces_because_somebody_will_copy_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = [ID, "waiting", "open", "sim", "alice", "any", "0.20 USD", "2026-01-01 00:20:00"]

    lines = lines_on_a_terminal(monkeypatch, COLUMNS, row)

    assert any(ID in line for line in lines)
    assert any("2026-01-01 00:20:00" in line for line in lines)


def test_where_a_table_is_too_wide_each_row_is_a_paragraph_without_a_broken_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = [ID, "waiting", "open", "sim", "alice", "any", "0.20 USD", "2026-01-01 00:20:00"]
    prose = "the provider confirmed a cancellation that nobody expected " * 2

    lines = lines_on_a_terminal(monkeypatch, [*COLUMNS, "detail"], [*row, prose])

    assert lines[0].split() == ["id", ID]
    assert max(map(len, lines)) <= 80
    assert set(" ".join(lines).split()) == {*COLUMNS, "detail", *" ".join([*row, prose]).split()}


def test_prose_is_folded_beside_an_id_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = [ID, "no balance was ever below zero " * 3]

    _, *lines = lines_on_a_terminal(monkeypatch, ("offender", "what must hold"), row)

    assert lines[0].startswith(ID)
    assert len(lines) > 1
    assert max(map(len, lines)) <= 80
