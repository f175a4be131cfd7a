"""The rules of Grafana's dashboard linter, and that the committed boards are what is built."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from promql_parser import AggregateExpr, Call, MatrixSelector

from deploy.grafana.build import DASHBOARDS, boards, texts
from deploy.grafana.selectors import NO_DATA
from tests.ops.queries import DEPLOY, nodes, panels_of, parsed, selectors
from worker.entrypoints.desk import ops_pages, waiting_page

BOARDS: Final = boards()
#: A panel may stand on several boards.
PANELS: Final = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in panels_of(board)
]
TARGETS: Final = [
    pytest.param(target, id=f"{name}: {panel['title']}-{target['refId']}")
    for name, board in BOARDS.items()
    for panel in panels_of(board)
    for target in panel["targets"]
]
ALERT_LIST: Final = "alertlist"  #: The one kind of panel that asks no query.
#: The pages of the desk that people are sent to.
DESK: Final = {path for _, path, _ in (*waiting_page.ROUTES, *ops_pages.ROUTES)}
GRAPHS_MAX: Final = 8  #: More on one screen are not seen.
DESCRIPTION_MAX: Final = 180

#: Rules a target is let off, each with its reason.
EXCUSED: Final = {
    ("target-job", "ALERTS"): "an alert that no worker is there has no job",
    ("target-instance", "ALERTS"): "the same",
}


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def expressions(board: dict[str, Any]) -> list[str]:
    annotations = [each["expr"] for each in board["annotations"]["list"]]
    return annotations + [t["expr"] for panel in panels_of(board) for t in panel["targets"]]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.name))
def test_the_committed_board_is_what_is_built(path: Path) -> None:
    assert path.read_text() == texts()[path], "run python -m deploy.grafana.build"


def test_nothing_else_is_committed_among_the_boards() -> None:
    assert set(DASHBOARDS.iterdir()) == set(texts())


def test_each_board_has_an_address_of_its_own() -> None:
    uids = {name: board["uid"] for name, board in BOARDS.items()}

    assert uids == {name: f"activation-worker-{name}" for name in BOARDS}
    assert len(BOARDS) == 5


def test_the_overview_lists_the_alerts_of_the_worker_alone() -> None:
    [panel] = [p for p in panels_of(BOARDS["overview"]) if p["type"] == ALERT_LIST]

    assert panel["options"]["alertInstanceLabelFilter"] == '{alertname=~"ActivationWorker.+"}'
    assert panel["options"]["stateFilter"]["firing"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
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
        one_provider = "provider" if board["uid"].endswith("-provider") else ""
        for name in {"job", "instance", "provider"} & variables(board).keys() - {one_provider}:
            variable = variables(board)[name]
            assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (
                True,
                True,
                ".+",
            )
            assert variable["datasource"]["uid"] == "${datasource}"

    def test_the_variables_are_those_that_its_queries_use(self, board: dict[str, Any]) -> None:
        used = set(re.findall(r"\$([a-z]\w+)", " ".join(expressions(board))))
        queried = {name for name, each in variables(board).items() if each["type"] == "query"}

        assert used == queried

    def test_choices_are_read_anew_when_the_time_range_changes(self, board: dict[str, Any]) -> None:
        queried = [each for each in variables(board).values() if each["type"] == "query"]

        assert {variable["refresh"] for variable in queried} == {2}
        for variable in queried:
            series = variable["definition"].removeprefix("label_values(").rpartition(",")[0]
            assert selectors(series)

    def test_links_to_runbooks_and_to_the_desk_have_a_place_to_go(
        self, board: dict[str, Any]
    ) -> None:
        assert variables(board)["runbooks"]["query"].endswith("/user")
        assert variables(board)["desk"]["query"].startswith("http")
        tags = [link.get("tags") for link in board["links"] if link["type"] == "dashboards"]
        assert tags == [board["tags"]]
        assert "${desk}" in {link.get("url") for link in board["links"]}

    def test_deploys_and_outages_are_drawn_on_its_graphs(self, board: dict[str, Any]) -> None:
        names = [annotation["name"] for annotation in board["annotations"]["list"]]

        assert names == ["Deploys", "Worker starts", "Server outages", "Provider outages"]

    def test_it_cannot_be_edited_in_the_browser(self, board: dict[str, Any]) -> None:
        assert board["editable"] is False
        assert "id" not in board

    def test_it_opens_with_few_graphs(self, board: dict[str, Any]) -> None:
        open_ones = [p for p in board["panels"] if p["type"] not in {"row", "stat", ALERT_LIST}]

        assert len(open_ones) <= GRAPHS_MAX

    def test_its_first_row_is_tiles_that_say_when_nothing_is_known(
        self, board: dict[str, Any]
    ) -> None:
        first, *_ = [p["gridPos"]["y"] for p in board["panels"] if p["type"] == "stat"]
        tiles = [p for p in board["panels"] if p["gridPos"]["y"] == first]

        assert {tile["type"] for tile in tiles} == {"stat"}
        assert sum(tile["gridPos"]["w"] for tile in tiles) == 24
        for tile in tiles:
            [target] = tile["targets"]
            assert target["expr"].endswith(f" or vector({NO_DATA})")
            [mapped] = tile["fieldConfig"]["defaults"]["mappings"]
            assert mapped["options"][str(NO_DATA)]["text"] == "no fresh data"

    def test_panel_ids_titles_and_places_are_its_own(self, board: dict[str, Any]) -> None:
        rows = [panel for panel in board["panels"] if panel["type"] == "row"]
        every = [*rows, *panels_of(board)]
        for name in ("id", "title"):
            values = [panel[name] for panel in every]
            assert len(set(values)) == len(values)

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


@pytest.mark.parametrize("panel", PANELS)
class TestPanel:
    def test_it_has_a_title_and_a_unit(self, panel: dict[str, Any]) -> None:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]

    def test_it_says_what_is_normal_and_what_to_do_otherwise(self, panel: dict[str, Any]) -> None:
        says = panel["description"]

        assert re.fullmatch(r"Normal: .*[^.]\. Otherwise: .*[^.]\.", says)
        assert len(says) <= DESCRIPTION_MAX

    def test_it_asks_the_chosen_data_source(self, panel: dict[str, Any]) -> None:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]

        assert {source["uid"] for source in sources} == {"${datasource}"}

    def test_it_has_few_targets_each_with_its_letter(self, panel: dict[str, Any]) -> None:
        letters = [target["refId"] for target in panel["targets"]]

        assert letters == list("ABCDEFG"[: len(letters)])
        assert bool(letters) == (panel["type"] != ALERT_LIST)

    def test_what_it_links_exists(self, panel: dict[str, Any]) -> None:
        uids = {board["uid"] for board in BOARDS.values()}
        for link in [*panel["links"], *panel["fieldConfig"]["defaults"]["links"]]:
            place, _, path = link["url"].partition("/")
            match place:
                case "${runbooks}":
                    assert (DEPLOY / "runbooks" / path).is_file()
                case "${desk}":
                    assert f"/{path}" in DESK
                case _:
                    assert path.removeprefix("d/").partition("?")[0] in uids


@pytest.mark.parametrize("target", TARGETS)
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
        ranges = re.findall(r"\[([^\]]*)\]", target["expr"])

        # One number may be that of all the days that are shown.
        assert set(ranges) <= {"$__rate_interval", *(["$__range"] if target["instant"] else [])}

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
