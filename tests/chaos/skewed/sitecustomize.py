"""Shifts the clock of the process that finds this on its path, by CHAOS_CLOCK_OFFSET_SECONDS.

Python imports it before anything else. Only Python's own clocks move: what C code asks of the
system, and every other process, keeps the right time. Monotonic clocks are left alone, as they
are where a host's clock is set wrong.
"""

import ctypes
import datetime as dt
import gc
import os
import time
from collections.abc import Callable

_OFFSET = float(os.environ.get("CHAOS_CLOCK_OFFSET_SECONDS", "0"))


def _shift_time() -> None:
    right = time.time
    right_ns = time.time_ns
    offset_ns = int(_OFFSET * 1e9)
    time.time = lambda: right() + _OFFSET
    time.time_ns = lambda: right_ns() + offset_ns
    for name in ("gmtime", "localtime"):
        _default_to_now(name)


def _default_to_now(name: str) -> None:
    """`time.gmtime()` without an argument reads the clock in C."""
    right: Callable[[float], time.struct_time] = getattr(time, name)

    def shifted(at: float | None = None) -> time.struct_time:
        return right(time.time() if at is None else at)

    setattr(time, name, shifted)


def _shift_datetime() -> None:
    """The class stays what it is: libraries compare types with it."""
    right_now = dt.datetime.now
    offset = dt.timedelta(seconds=_OFFSET)

    def now(_cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> dt.datetime:
        return right_now(tz) + offset

    def utcnow(_cls: type[dt.datetime]) -> dt.datetime:
        return right_now(dt.UTC).replace(tzinfo=None) + offset

    def today(_cls: type[dt.date]) -> dt.date:
        return (right_now() + offset).date()

    _replace(dt.datetime, "now", classmethod(now))
    _replace(dt.datetime, "utcnow", classmethod(utcnow))
    _replace(dt.date, "today", classmethod(today))


def _replace(owner: type, name: str, value: object) -> None:
    """Types written in C refuse setattr; their dictionary does not."""
    namespace = gc.get_referents(owner.__dict__)[0]
    namespace[name] = value
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


if _OFFSET:
    _shift_time()
    _shift_datetime()
