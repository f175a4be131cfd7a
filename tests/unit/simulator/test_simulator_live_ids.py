"""Pages of live ids are right whatever has ended in between."""

from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.ledger import CHUNK, LiveIds


def test_pages_cross_the_chunks_in_order() -> None:
    live = LiveIds()
    for each in range(3 * CHUNK):
        live.add(each)

    assert live.page(CHUNK - 2, 4) == [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1]
    assert live.page(3 * CHUNK, 10) == []


def test_an_emptied_chunk_leaves_no_gap() -> None:
    live = LiveIds()
    for each in range(3 * CHUNK):
        live.add(each)
    for each in range(CHUNK, 2 * CHUNK):
        live.remove(each)
    live.add(3 * CHUNK)

    assert live.page(CHUNK - 1, 2) == [CHUNK - 1, 2 * CHUNK]
    assert len(live) == 2 * CHUNK + 1


@given(st.integers(1, 3000), st.data())
def test_an_id_that_comes_again_stands_in_its_old_place(count: int, data: st.DataObject) -> None:
    live = LiveIds()
    for each in range(count):
        live.add(each)
    ended = data.draw(st.sets(st.integers(0, count - 1)))
    for each in ended:
        live.remove(each)
    for each in data.draw(st.permutations(sorted(ended))):
        live.add(each)

    assert live.page(0, count) == list(range(count))
    assert len(live) == count


@given(
    st.integers(0, 3000),
    st.sets(st.integers(0, 3000)),
    st.integers(0, 3100),
    st.integers(0, 300),
)
def test_a_page_is_a_slice_of_what_is_left(
    count: int, ended: set[int], offset: int, limit: int
) -> None:
    live = LiveIds()
    for each in range(count):
        live.add(each)
    for each in sorted(ended):
        if each < count:
            live.remove(each)
    left = [each for each in range(count) if each not in ended]

    assert live.page(offset, limit) == left[offset : offset + limit]
    assert len(live) == len(left)
