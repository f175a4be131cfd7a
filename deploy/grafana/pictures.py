"""Draws the boards from a Prometheus, without a Grafana:
`python -m deploy.grafana.pictures --prometheus http://127.0.0.1:9090 --out DIR`.

Each panel's queries are asked as Grafana asks them, and drawn in the board's layout as a page,
of which Chromium makes a picture. Rows that are folded away are not drawn.
"""

import argparse
import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deploy.grafana.build import boards
from deploy.grafana.drawing import WIDTH, Page, page
from deploy.grafana.graphs import Alert, Data, Mark, Series
from deploy.grafana.panels import Json

POINTS: Final = 200  #: About as many as a panel has pixels to tell apart.
CHROMIUM_SECONDS: Final = 60
EACH: Final = "*"
#: What says of whom an alert is.
ABOUT: Final = frozenset(
    {"dependency", "instance", "invariant", "job_name", "kind", "provider", "reason"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A Prometheus, the time range that is asked of it, and what the variables stand for."""

    url: str
    begins: float
    ends: float
    scrape_seconds: float
    provider: str = ".+"

    @property
    def step(self) -> float:
        return max((self.ends - self.begins) / POINTS, 1.0)

    def range(self, expr: str, step: float = 0) -> list[tuple[Json, list[tuple[float, float]]]]:
        """Labels and points of each series."""
        found = self._ask(
            "query_range",
            query=self._filled(expr),
            start=self.begins,
            end=self.ends,
            step=step or self.step,
        )
        return [
            (each["metric"], [(float(at), float(value)) for at, value in each["values"]])
            for each in found
        ]

    def now(self, expr: str) -> list[tuple[Json, float]]:
        found = self._ask("query", query=self._filled(expr), time=self.ends)
        return [(each["metric"], float(each["value"][1])) for each in found]

    def _filled(self, expr: str) -> str:
        """With the variables as Grafana fills them in."""
        rated = max(self.step + self.scrape_seconds, 4 * self.scrape_seconds)
        expr = expr.replace("$__rate_interval", f"{round(rated)}s")
        expr = expr.replace("$__range", f"{round(self.ends - self.begins)}s")
        return re.sub(r"\$[a-z]\w*", ".+", expr.replace("$provider", self.provider))

    def _ask(self, path: str, **parameters: Any) -> list[Any]:
        body = urllib.parse.urlencode(parameters).encode()
        url = f"{self.url}/api/v1/{path}"
        with urllib.request.urlopen(url, body, timeout=30) as reply:  # noqa: S310 - it was typed
            return list(json.load(reply)["data"]["result"])


def draw(
    url: str,
    out: Path,
    *,
    minutes: float = 30,
    until: float | None = None,
    scrape_seconds: float = 15,
    provider: str = "",
) -> list[Path]:
    """The pictures of all boards, written to *out*."""
    ends = time.time() if until is None else until
    shown = Prometheus(
        url=url, begins=ends - minutes * 60, ends=ends, scrape_seconds=scrape_seconds
    )
    out.mkdir(parents=True, exist_ok=True)
    return [
        picture(page_of(board, seen), out / f"{name}{suffix}.png")
        for name, board in boards().items()
        for suffix, seen in chosen(board, shown, provider).items()
    ]


def chosen(board: Json, shown: Prometheus, provider: str) -> Mapping[str, Prometheus]:
    """What is drawn of a board, by what its file is called besides.

    A board that is about one provider: of the named one, of `EACH` of them, else of the first.
    """
    if all(each.get("multi", True) for each in board["templating"]["list"]):
        return {"": shown}
    if provider and provider != EACH:
        return {"": replace(shown, provider=provider)}
    there = shown.now("last_over_time(activation_worker_live[$__range])")
    known = sorted({labels["provider"] for labels, _ in there})
    if provider == EACH:
        return {f"-{name}": replace(shown, provider=name) for name in known}
    return {"": replace(shown, provider=known[0])}


def page_of(board: Json, shown: Prometheus) -> Page:
    """The board as a page of its own."""
    return page(
        board["title"] + ("" if shown.provider == ".+" else f" {shown.provider}"),
        [(panel, data_of(panel, shown)) for panel in board["panels"]],
        [mark for each in board["annotations"]["list"] for mark in _marks(each, shown)],
        (shown.begins, shown.ends),
    )


def data_of(panel: Json, shown: Prometheus) -> Data:
    if panel["type"] == "alertlist":
        return Data(alerts=_alerts(shown))
    series = []
    for target in panel.get("targets", ()):
        if target["instant"]:
            found = [(labels, [(shown.ends, value)]) for labels, value in shown.now(target["expr"])]
        else:
            found = shown.range(target["expr"])
        for labels, points in sorted(found, key=lambda each: sorted(each[0].items())):
            series.append(Series(_legend(target["legendFormat"], labels), dict(points)))
    return Data(series=series, step=shown.step)


def _legend(text: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), text)


def _alerts(shown: Prometheus) -> list[Alert]:
    """By what Prometheus recorded of them, so that it also tells of the past."""
    since = {
        _identity(labels): value
        for labels, value in shown.now('ALERTS_FOR_STATE{alertname=~"ActivationWorker.+"}')
    }
    found = [
        Alert(
            name=labels["alertname"],
            severity=labels["severity"],
            state=labels["alertstate"],
            about=[value for label, value in sorted(labels.items()) if label in ABOUT],
            seconds=shown.ends - since.get(_identity(labels), shown.ends),
        )
        for labels, _ in shown.now('ALERTS{alertname=~"ActivationWorker.+"}')
    ]
    grades = ["critical", "warning", "info"]
    return sorted(found, key=lambda each: (each.state, grades.index(each.severity), each.name))


def _identity(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    hidden = {"__name__", "alertstate"}
    return tuple(sorted((k, v) for k, v in labels.items() if k not in hidden))


def _marks(annotation: Json, shown: Prometheus) -> list[Mark]:
    """The stretches of time at which an annotation's query finds something."""
    marks = []
    step = float(annotation["step"].removesuffix("s"))
    for labels, points in shown.range(annotation["expr"], step):
        words = _legend(annotation["textFormat"], labels)
        if annotation.get("useValueForTime"):
            times = {value / 1000 for _, value in points}
            stretches = [(at, at) for at in times if shown.begins <= at <= shown.ends]
        else:
            stretches = _stretches([at for at, _ in points], 1.5 * step)
        marks += [Mark(begins, ends, annotation["iconColor"], words) for begins, ends in stretches]
    return marks


def _stretches(times: list[float], gap: float) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for at in times:
        if found and at - found[-1][1] <= gap:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return found


def picture(drawn: Page, file: Path) -> Path:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("no chromium here: apt-get install chromium")
    html = file.with_suffix(".html")
    html.write_text(drawn.text)
    subprocess.run(  # noqa: S603 - the program of the PATH, on a page of ours
        [
            chromium,
            "--headless=new",
            "--no-sandbox",  # It may be root who draws, and the page is ours.
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-color-profile=srgb",
            "--disable-lcd-text",
            f"--window-size={WIDTH},{drawn.height}",
            f"--screenshot={file}",
            html.resolve().as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=CHROMIUM_SECONDS,
    )
    html.unlink()
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the boards from a Prometheus.")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--minutes", type=float, default=30, help="how much of the past is shown")
    parser.add_argument("--until", type=float, help="its end in seconds since 1970; else now")
    parser.add_argument("--scrape-seconds", type=float, default=15)
    parser.add_argument(
        "--provider",
        default="",
        help="of the board about one: its name, * for each, else the first",
    )
    given = parser.parse_args()
    draw(
        given.prometheus,
        given.out,
        minutes=given.minutes,
        until=given.until,
        scrape_seconds=given.scrape_seconds,
        provider=given.provider,
    )


if __name__ == "__main__":
    main()
