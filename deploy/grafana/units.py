"""Numbers as Grafana writes them, in the units that the boards use."""

import math
from collections.abc import Callable, Mapping
from typing import Final

_SECONDS: Final = ((86_400, "day"), (3_600, "hour"), (60, "min"), (1, "s"), (1e-3, "ms"))
_THOUSANDS: Final = ((1e9, "Bil"), (1e6, "Mil"), (1e3, "K"))
_BYTES: Final = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def written(value: float, unit: str) -> str:
    if math.isnan(value):
        return ""
    if unit.startswith("suffix:"):
        return f"{_digits(value)}{unit.removeprefix('suffix:')}"
    return _UNITS[unit](value)


def _digits(value: float) -> str:
    """Three digits, without zeros at the end."""
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(value: float) -> str:
    for size, name in _SECONDS:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return "0 s"


def _short(value: float) -> str:
    return _scaled(value, _THOUSANDS, "")


def _bytes(value: float) -> str:
    return _scaled(value, _BYTES, " B")


def _scaled(value: float, sizes: tuple[tuple[float, str], ...], rest: str) -> str:
    for size, name in sizes:
        if abs(value) >= size:
            return f"{_digits(value / size)} {name}"
    return f"{_digits(value)}{rest}"


_UNITS: Final[Mapping[str, Callable[[float], str]]] = {
    "none": _digits,
    "short": _short,
    "s": _seconds,
    "bytes": _bytes,
    "percentunit": lambda value: f"{_digits(value * 100)}%",
    "reqps": lambda value: f"{_short(value)} req/s",
    "ops": lambda value: f"{_short(value)} ops/s",
    "cpm": lambda value: f"{_short(value)} c/m",
}
