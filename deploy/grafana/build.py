"""Writes the boards as JSON: `python -m deploy.grafana.build` from the checkout's root."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.grafana.inside import inside
from deploy.grafana.money import money
from deploy.grafana.objectives import objectives
from deploy.grafana.overview import overview
from deploy.grafana.panels import Json
from deploy.grafana.provider import one_provider

DASHBOARDS: Final = Path(__file__).parent / "dashboards"


def boards() -> Mapping[str, Json]:
    """Each board, by the name of its file."""
    return {
        "overview": overview(),
        "provider": one_provider(),
        "money": money(),
        "inside": inside(),
        "objectives": objectives(),
    }


def texts() -> Mapping[Path, str]:
    return {
        DASHBOARDS / f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n"
        for name, board in boards().items()
    }


def main() -> None:
    for path, text in texts().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
