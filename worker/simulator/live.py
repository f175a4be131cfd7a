"""The live ids in the order they were rented, for pages at any offset.

Chunks, so that neither an ending in the middle of 300,000 ids nor page 3,000 costs a walk over all.
"""

from bisect import bisect_left

CHUNK = 1024


class LiveIds:
    def __init__(self) -> None:
        self._chunks: list[list[int]] = []
        self._last: list[int] = []  # The last id of each chunk, ended or not: only bounds matter.
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, number_id: int) -> None:
        """Ids come in ascending order."""
        assert not self._last or number_id > self._last[-1]
        if self._chunks and len(self._chunks[-1]) < CHUNK:
            self._chunks[-1].append(number_id)
            self._last[-1] = number_id
        else:
            self._chunks.append([number_id])
            self._last.append(number_id)
        self._size += 1

    def remove(self, number_id: int) -> None:
        where = bisect_left(self._last, number_id)
        chunk = self._chunks[where]
        position = bisect_left(chunk, number_id)
        assert chunk[position] == number_id
        del chunk[position]
        self._size -= 1
        if not chunk:
            del self._chunks[where], self._last[where]

    def page(self, offset: int, limit: int) -> list[int]:
        found: list[int] = []
        for chunk in self._chunks:
            if offset >= len(chunk):
                offset -= len(chunk)
                continue
            found += chunk[offset : offset + limit - len(found)]
            if len(found) == limit:
                break
            offset = 0
        return found
