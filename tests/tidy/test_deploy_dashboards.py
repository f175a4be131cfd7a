"""The rules of Grafana's dashboard linter, and that the committed boards are what is built."""

import json
from typing import Any, Final

import pytest
from promql_parser import AggregateExpr, Call, MatrixSelector

from deploy.grafana.build import DASHBOARDS, boards
from tests.ops.queries import DEPLOY, nodes, panels_of, parsed, selectors

BOARDS: Final = [json.loads(text) for text in boards().values()]
PANELS: Final = [panel for board in BOARDS for panel in panels_of(board)]
TARGETS: Final = [
    (f"{panel['title']}-{target['refId']}", target)
    for panel in PANELS
    for target in panel["targets"]
]

#: Rules a target is let off, each with its reason.
EXCUSED: Final = {
    ("target-job", "ALERTS"): "an alert that no worker is there has no job",
    ("target-instance", "ALERTS"): "the same",
}


def name_of_panel(value: object) -> str | None:
    return str(value["title"]) if isinstance(value, dict) else None


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


@pytest.mark.parametrize("name", boards())
def test_the_committed_board_is_what_is_built(name: str) -> None:
    assert (DASHBOARDS / name).read_text() == boards()[name], "run python -m deploy.grafana.build"


def test_nothing_else_is_committed_among_the_boards() -> None:
    assert {path.name for path in DASHBOARDS.iterdir()} == set(boards())


@pytest.mark.parametrize("board", BOARDS, ids=name_of_panel)
class TestBoard:
    def test_the_data_source_is_a_variable_that_starts_at_the_provisioned_one(
        self, board: dict[str, Any]
    ) -> None:
        chosen = variables(board)["datasource"]

        assert (chosen["type"], chosen["query"]) == ("datasource", "prometheus")
        assert chosen["current"]["value"] == "prometheus"
        provisioned = (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text()
        assert "uid: prometheus\n" in provisioned

    def test_job_and_worker_can_be_chosen_and_all_of_them_at_once(
        self, board: dict[str, Any]
    ) -> None:
        for name in ("job", "instance", "provider"):
            variable = variables(board)[name]
            assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (
                True,
                True,
                ".+",
            )
            assert variable["datasource"]["uid"] == "${datasource}"

    def test_choices_are_read_anew_when_the_time_range_changes(self, board: dict[str, Any]) -> None:
        queried = [each for each in variables(board).values() if each["type"] == "query"]

        assert {variable["refresh"] for variable in queried} == {2}
        for variable in queried:
            series = variable["definition"].removeprefix("label_values(").rpartition(",")[0]
            assert selectors(series)

    def test_links_to_runbooks_have_a_place_to_go(self, board: dict[str, Any]) -> None:
        assert variables(board)["runbooks"]["query"].endswith("/user")

    def test_it_cannot_be_edited_in_the_browser(self, board: dict[str, Any]) -> None:
        assert board["editable"] is False
        assert "id" not in board

    def test_panel_ids_and_places_are_its_own(self, board: dict[str, Any]) -> None:
        rows = [panel for panel in board["panels"] if panel["type"] == "row"]
        every = [*rows, *panels_of(board)]
        ids = [panel["id"] for panel in every]
        assert len(set(ids)) == len(ids)

        for group in (board["panels"], *(row["panels"] for row in rows)):
            cells = [cell for panel in group for cell in cells_of(panel["gridPos"])]
            assert len(set(cells)) == len(cells), "two panels lie on each other"


def cells_of(place: dict[str, int]) -> list[tuple[int, int]]:
    assert place["x"] + place["w"] <= 24
    return [
        (x, y)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]


@pytest.mark.parametrize("panel", PANELS, ids=name_of_panel)
class TestPanel:
    def test_it_has_a_title_a_description_and_a_unit(self, panel: dict[str, Any]) -> None:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [each["title"] for each in PANELS].count(panel["title"]) == 1

    def test_it_asks_the_chosen_data_source(self, panel: dict[str, Any]) -> None:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]

        assert {source["uid"] for source in sources} == {"${datasource}"}

    def test_it_has_few_targets_each_with_its_letter(self, panel: dict[str, Any]) -> None:
        letters = [target["refId"] for target in panel["targets"]]

        assert letters == list("ABCDE"[: len(letters)])
        assert letters

    def test_its_runbook_exists(self, panel: dict[str, Any]) -> None:
        for link in panel["links"]:
            file = link["url"].removeprefix("${runbooks}/")
            assert (DEPLOY / "runbooks" / file).is_file()


@pytest.mark.parametrize(
    "target", [target for _, target in TARGETS], ids=[name for name, _ in TARGETS]
)
class TestTarget:
    def test_it_selects_by_job_and_worker(self, target: dict[str, Any]) -> None:
        for selector in selectors(target["expr"]):
            matchers = dict(selector.matchers)
            if ("target-job", selector.name) not in EXCUSED:
                assert matchers.get("job") == ".+"
            # A recording is one value for all workers.
            recorded = ":" in selector.name
            if ("target-instance", selector.name) not in EXCUSED and not recorded:
                assert matchers.get("instance") == ".+"

    def test_rates_are_taken_over_the_interval_that_fits_the_zoom(
        self, target: dict[str, Any]
    ) -> None:
        ranges = target["expr"].count("[")

        assert ranges == target["expr"].count("[$__rate_interval]")

    def test_counters_are_never_shown_raw(self, target: dict[str, Any]) -> None:
        for selector in selectors(target["expr"]):
            counts = selector.name.endswith(("_total", "_bucket", "_count", "_sum"))
            assert counts == selector.ranged

    def test_what_is_ranged_is_rated_before_it_is_summed(self, target: dict[str, Any]) -> None:
        for node in nodes(parsed(target["expr"])):
            if isinstance(node, Call) and node.func.name in {"rate", "increase"}:
                assert all(isinstance(argument, MatrixSelector) for argument in node.args)
            if isinstance(node, AggregateExpr):
                assert not isinstance(node.expr, MatrixSelector)
