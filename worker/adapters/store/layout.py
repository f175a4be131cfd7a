"""How lean the books are written: what a row says already is not written into another one.

Code of before looks for the rows that are left out. So a database that was upgraded is written as
it knows them, until `activation-worker migrate --finish` says that it runs nowhere any more.
"""

from typing import Final

#: What this version can read, and writes where it may.
#:
#: 1: the first line of a number's log is its own row, the one of its ending is its settlement.
#: 2: what the event of an ending tells is its settlement and its number.
#: 3: that a window ended in silence is a line of the number's row.
#: 4: what lives is found in a table of its own, by no index of the numbers.
LAYOUT: Final = 4
