"""Indexes on tables that may be large, built while everybody goes on writing to them.

They are no part of a revision: its transaction would keep the table locked until the last revision
is done. `migrate` builds what is missing after the revisions, and so does the next one if it is
stopped half-way.
"""

from collections.abc import Mapping
from typing import Final

#: By name, what stands after `ON`.
LARGE_INDEXES: Final[Mapping[str, str]] = {
    "activation_order_ref": "activation (order_ref) WHERE order_ref IS NOT NULL",
    "rental_of_account": "rental (account, rented_at, id)",
}
