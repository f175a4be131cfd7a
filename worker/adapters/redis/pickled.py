"""Reads jobs that another application's arq pickled: plain values and instants, nothing else.

Unpickling runs what a pickle names. So the opcodes are read first, and what they may name are the
types of instants; whatever else they ask for makes the job unreadable.
"""

import io
import pickle
import pickletools
import re
from typing import Any, Final

BODY_MAX: Final = 4 * 1024 * 1024  #: Bytes; a thousand numbers are a tenth of it.
_INSTANTS: Final = frozenset({"datetime", "timezone", "timedelta"})  #: Of the module datetime.
_OPCODES: Final = re.compile(
    "PROTO|FRAME|STOP|MARK|NONE|NEWTRUE|NEWFALSE|INT|BININT[12]?|LONG1?|FLOAT|BINFLOAT"
    "|UNICODE|(SHORT_)?BINUNICODE8?|STRING|SHORT_BIN(BYTES|STRING)"
    "|(EMPTY_)?(LIST|TUPLE|DICT)|TUPLE[123]|APPENDS?|SETITEMS?"
    "|(LONG_)?BINPUT|PUT|MEMOIZE|(LONG_)?BINGET|GET|(STACK_)?GLOBAL|REDUCE"
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the library
        if module != "datetime" or name not in _INSTANTS:
            raise pickle.UnpicklingError("it names what is no plain value")
        return super().find_class(module, name)


def unpickled(body: bytes) -> Any:  # noqa: ANN401 - whatever it holds, of plain values
    """Raises `ValueError` for all that is not plain, without quoting it."""
    try:
        if len(body) <= BODY_MAX and _is_plain(body):
            return _PlainUnpickler(io.BytesIO(body)).load()
    except Exception:  # noqa: BLE001 - a broken pickle can raise anything
        raise ValueError("a pickle that cannot be read") from None
    raise ValueError("a pickle of more than plain values")


def _is_plain(body: bytes) -> bool:
    """Whether no opcode does more than build plain values, nor asks for a place far away."""
    return all(
        _OPCODES.fullmatch(opcode.name)
        and not ("PUT" in opcode.name and int(argument or 0) > len(body))
        for opcode, argument, _ in pickletools.genops(body)
    )
