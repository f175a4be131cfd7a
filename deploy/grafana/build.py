"""Writes the boards as JSON: `python -m deploy.grafana.build` from the checkout's root."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.grafana.overview import overview

DASHBOARDS: Final = Path(__file__).parent / "dashboards"


def boards() -> Mapping[str, str]:
    """The text of each file, by its name."""
    return {"overview.json": json.dumps(overview(), indent=2, ensure_ascii=False) + "\n"}


def main() -> None:
    for name, text in boards().items():
        (DASHBOARDS / name).write_text(text)


if __name__ == "__main__":
    main()
