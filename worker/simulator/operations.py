"""What a request asks for, whatever the family calls it: the unit of faults and of statistics."""

import enum


class Operation(enum.Enum):
    RENT = "rent"
    LOOK = "look"
    LIST = "list"
    CANCEL = "cancel"
    FINISH = "finish"
    ASK_AGAIN = "ask-again"
    READY = "ready"  #: "I have sent the SMS": changes nothing here.
    HISTORY = "history"
    BALANCE = "balance"
    EXTEND = "extend"
    OTHER = "other"  #: Prices, countries, and what nobody can read.
