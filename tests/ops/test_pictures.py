"""How the boards are drawn without a Grafana."""

import math
import re
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.grafana.drawing import Page, page
from deploy.grafana.graphs import Data, Mark, Series
from deploy.grafana.panels import Panel, Query, lines, tile, timeline
from deploy.grafana.pictures import picture
from deploy.grafana.units import written
from tests.acceptance.browser import CHROMIUM, is_required

NORMAL: Final[dict[str, Any]] = {"normal": "0", "otherwise": "look"}
TIMES: Final = (0.0, 100.0)


def drawn(panel: Panel, data: Data, *marks: Mark) -> str:
    return page("a board", [(panel.json(1, 0, 0), data)], marks, TIMES).text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.012, "s", "12 ms"),
        (5400, "s", "1.5 hour"),
        (0.995, "percentunit", "99.5%"),
        (1_234_000, "short", "1.23 Mil"),
        (2048, "bytes", "2 KiB"),
        (12, "none", "12"),
        (0.5, "reqps", "0.5 req/s"),
        (math.nan, "s", ""),
    ],
)
def test_numbers_are_written_in_their_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text", "colour"),
    [(3, "3", "#56a64b"), (7, "7", "#e0394e"), (-1, "no fresh data", "#5a5f69")],
)
def test_a_tile_has_the_colour_of_its_value(value: float, text: str, colour: str) -> None:
    made = tile("Waiting", "up", "none", thresholds=((None, "green"), (5, "red")), **NORMAL)

    html = drawn(made, Data(series=[Series("", {0: value})]))

    assert f">{text}</b>" in html
    assert f"background:{colour}" in html


def test_a_line_has_a_gap_where_there_are_no_points() -> None:
    points = {0.0: 1.0, 10.0: 2.0, 50.0: 1.0, 60.0: 1.0, 70.0: math.nan}

    html = drawn(
        lines("A", [Query("up", "a")], "s", **NORMAL), Data(series=[Series("a", points)], step=10)
    )

    assert html.count("<polyline") == 2


def test_stacked_series_lie_on_each_other() -> None:
    panel = lines("A", [Query("up")], "none", stacked=True, **NORMAL)
    two = [Series(name, {0.0: 3.0, 10.0: 3.0}) for name in "ab"]

    html = drawn(panel, Data(series=two, step=10))

    assert ">6</text>" in html  # the end of the axis


def test_a_band_has_the_colours_of_its_states_and_ends_where_the_series_ends() -> None:
    panel = timeline("A", [Query("up")], {0: ("away", "red"), 1: ("works", "green")}, **NORMAL)
    points = {0.0: 1.0, 10.0: 1.0, 20.0: 0.5, 30.0: 0.0, 60.0: 1.0}

    html = drawn(panel, Data(series=[Series("database", points)], step=10))

    fills = re.findall(r'fill="(#\w+)" fill-opacity="0.85"', html)
    assert fills == ["#56a64b", "#f28c28", "#e0394e", "#56a64b"]


def test_what_happened_is_marked_with_its_colour() -> None:
    panel = lines("A", [Query("up")], "s", **NORMAL)

    html = drawn(panel, Data(), Mark(10, 40, "red", "database"))

    assert 'fill="#e0394e" fill-opacity="0.16"' in html
    assert "No data" in html


def test_names_are_not_read_as_html() -> None:
    html = drawn(lines("A", [Query("up")], "s", **NORMAL), Data(series=[Series("<b>", {0: 1})]))

    assert "&lt;b&gt;" in html


def test_chromium_makes_a_picture_as_large_as_the_page(tmp_path: Path) -> None:
    if CHROMIUM is None and not is_required():
        pytest.skip("no chromium here: apt-get install chromium")

    file = picture(Page("<body style='background: red'>", 90), tmp_path / "red.png")

    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[20:24]) == 90
    assert [path.name for path in tmp_path.iterdir()] == ["red.png"]
