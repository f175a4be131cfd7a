"""The measures of `make house` see what they are for: each on a small tree made for it."""

from pathlib import Path
from textwrap import dedent

import pytest

from tests.house import calls, graph, registers, words
from tests.house.source import Source, source_at


@pytest.fixture
def make(tmp_path: Path) -> "Make":
    return Make(tmp_path)


class Make:
    """Writes the files of a small checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, files: dict[str, str]) -> Source:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return source_at(self.root)


def test_a_class_and_a_type_alias_of_one_name_are_homonyms(make: Make) -> None:
    source = make(
        {
            "worker/domain/one.py": "class Verdict: ...\nclass _Hidden: ...",
            "worker/ports/two.py": "Verdict: TypeAlias = int\nclass _Hidden: ...",
        }
    )

    assert words.homonyms(source) == {"Verdict": ["worker.domain.one", "worker.ports.two"]}


def test_a_noun_is_one_on_every_floor_and_another_word_is_not(make: Make) -> None:
    source = make(
        {
            "worker/entrypoints/http/claims.py": "",
            "worker/domain/policy/claims.py": "",
            "worker/entrypoints/http/answers.py": "",
            "worker/ports/answers.py": "",
            "worker/adapters/providers/acme/rentals.py": "",
            "worker/simulator/faces/acme/rentals.py": "",
        }
    )

    assert list(words.module_homonyms(source)) == ["answers"]


def test_a_code_without_a_row_is_unresolved(make: Make) -> None:
    source = make(
        {
            "worker/docs/life.md": "| code | what |\n| E4a | a definite yes |\n",
            "worker/lifecycle/expire.py": "# E4a, E6, R-14-7, E501, THE-E6\n",
        }
    )

    assert [cited.code for cited in words.unresolved(source.root)] == ["E6", "R-14-7"]


def test_a_lease_is_told_from_the_customers_claim(make: Make) -> None:
    source = make(
        {
            "worker/lifecycle/watch.py": "CLAIM = 500\ndef claim_window(): ...",
            "worker/lifecycle/cases/claims.py": "def claim(): ...",
            "worker/adapters/store/sql/settlements/claim_cancels.sql": "",
            "worker/adapters/store/sql/cases/claimed_at.sql": "",
        }
    )

    assert words.leases_named_claim(source) == {
        "worker/lifecycle/watch.py": ["CLAIM"],
        "worker/adapters/store/sql/settlements/claim_cancels.sql": ["claim_cancels"],
    }


def test_two_words_for_a_price_make_a_vocabulary(make: Make) -> None:
    source = make(
        {
            "worker/ports/provider.py": """
                class Fate(enum.Enum):
                    CHARGED = "charged"
                    GIVEN_BACK = "given_back"
                class State(enum.Enum):
                    CHARGED = "charged"
                    OPEN = "open"
                """,
            "worker/lifecycle/ending.py": "Learnt: TypeAlias = GaveBack | Charged | NotYet",
        }
    )

    assert words.price_vocabularies(source) == {
        "worker.ports.provider.Fate": ["charged", "given_back"],
        "worker.lifecycle.ending.Learnt": ["charged", "gave_back"],
    }


def test_a_protocol_is_a_name_for_the_store_where_it_has_its_methods(make: Make) -> None:
    source = make(
        {
            "worker/adapters/store/books.py": """
                class BookRepository:
                    async def settle(self): ...
                """,
            "worker/adapters/store/lock.py": "class Lock:\n    async def leads(self): ...",
            "worker/ports/lock.py": "class Leadership(Protocol):\n    async def leads(self): ...",
            "worker/ports/store.py": "class Books(Protocol):\n    async def settle(self): ...",
            "worker/ports/clock.py": "class Clock(Protocol):\n    def now(self): ...",
            "worker/lifecycle/desk.py": """
                from worker.ports.store import Books
                class DeskStore(Books, Protocol):
                    "Both halves."
                """,
        }
    )

    assert words.store_protocols(source) == {
        "worker.ports.store": ["Books"],
        "worker.lifecycle.desk": ["DeskStore"],
    }


def test_setting_an_attribute_of_a_finished_object_is_seen(make: Make) -> None:
    source = make(
        {
            "worker/bootstrap/whole.py": """
                class Whole:
                    def __init__(self):
                        self.own = 1
                def assemble(parts):
                    parts.store.policies = {}
                """,
        }
    )

    assert words.set_after_construction(source) == [
        "worker/bootstrap/whole.py:6 parts.store.policies"
    ]


def test_imports_show_arrows_circles_and_crumbs(make: Make) -> None:
    source = make(
        {
            ".importlinter": """
                [importlinter:contract:layers]
                type = layers
                layers =
                    lifecycle | adapters
                    domain
                """,
            "worker/domain/money.py": "from worker.lifecycle import settle",
            "worker/lifecycle/settle.py": "from worker.domain.money import Money",
            "worker/adapters/store.py": "from worker.domain.money import Money\n" + "\n" * 80,
            "worker/lifecycle/crumb.py": "",
            "worker/lifecycle/eater.py": "import worker.lifecycle.crumb\n" + "\n" * 80,
        }
    )

    assert graph.arrows(source) == {
        ("domain", "lifecycle"),
        ("lifecycle", "domain"),
        ("adapters", "domain"),
    }
    assert graph.upward(source) == [("domain", "lifecycle")]
    assert graph.room_circles(source) == [("domain", "lifecycle")]
    assert graph.module_circles(source) == [("worker.domain.money", "worker.lifecycle.settle")]
    assert graph.crumbs(source) == ["worker.lifecycle.crumb", "worker.lifecycle.settle"]
    assert graph.import_lines(source) == 4


def test_circles_beside_a_chain_are_found_alone() -> None:
    assert graph.circles({1: [2], 2: [3], 3: [2, 4], 4: [5], 5: [], 6: [1]}) == [(2, 3)]


def test_who_lists_half_of_the_ticks_is_a_register(make: Make) -> None:
    source = make(
        {
            "worker/lifecycle/ticks.py": """
                ROWS: Final = (
                    Tick("watch", every=5), Tick("sweep", every=1), LedTick(name="audit"),
                )
                TICKS: Final = {row.name: row for row in ROWS}
                """,
            "worker/jobs.py": "JOBS = ('watch', 'sweep')",
            "worker/other.py": "def sweep(): ...",
        }
    )

    assert registers.tick_kinds(source) == ["watch", "sweep", "audit"]
    assert registers.files_of_a_tick(source) == ["worker/jobs.py", "worker/lifecycle/ticks.py"]


def test_the_way_of_a_put_goes_through_protocols_and_past_nothing_later(make: Make) -> None:
    source = make(
        {
            "worker/http.py": """
                from worker.desk import Desk
                from worker.later import shown
                class Intake:
                    def __init__(self, desk: Desk) -> None:
                        self._desk = desk
                    async def put(self, body: str):
                        result = await self._desk.accept(body)
                        return shown(result)
                def routes(desk):
                    intake = Intake(desk)
                    return Route(method="PUT", path="/v1/activations/{ref}", handler=intake.put)
                """,
            "worker/desk.py": "class Desk(Protocol):\n    async def accept(self, body: str): ...",
            "worker/later.py": "def shown(result): ...",
            "worker/real.py": """
                from worker.store import Rows
                from worker.unused import nobody
                class RealDesk:
                    rows: Rows
                    async def accept(self, body: str):
                        return await self.rows.keep(body)
                """,
            "worker/unused.py": "def nobody(): ...",
            "worker/store.py": """
                class Rows:
                    async def keep(self, body: str):
                        return await run(statement("accept"), body)
                """,
            "worker/sql/accept.sql": "INSERT INTO activation (id) SELECT :id",
        }
    )

    assert calls.passed(source) == [
        "worker/http.py",
        "worker/real.py",
        "worker/sql/accept.sql",
        "worker/store.py",
    ]
