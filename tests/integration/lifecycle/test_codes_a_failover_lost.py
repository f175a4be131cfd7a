"""A standby that takes over may not have heard of the last commits: our memory of them is wrong."""

from tests.integration.lifecycle.world import SIM, World
from worker.domain.ids import ProviderRef
from worker.lifecycle.look import SEEN_FOR
from worker.ports.store.activations import SeenSms

SMS = [SeenSms(SIM, ProviderRef("1"), "1234", None)]
LOST = (
    "ALTER TABLE transition DISABLE TRIGGER ALL; DELETE FROM transition WHERE what = 'code';"
    " ALTER TABLE transition ENABLE TRIGGER ALL; DELETE FROM event; DELETE FROM code;"
    " UPDATE activation SET state = 'waiting'"
)


async def test_a_code_that_a_failover_lost_is_recorded_again(world: World) -> None:
    number = await world.take()
    await world.look.codes(SMS)
    await world.admin.execute(LOST)

    world.elapsed += SEEN_FOR.total_seconds()
    await world.look.codes(SMS)

    assert [code.code for code in (await world.number(number)).codes] == ["1234"]


async def test_a_code_that_is_looked_up_again_is_remembered_again(world: World) -> None:
    await world.take()
    for _ in range(3):
        await world.look.codes(SMS)
        world.elapsed += SEEN_FOR.total_seconds()

    assert world.look.seen_codes.new(SMS, world.clock.monotonic()) == SMS
    assert len(world.reporter.of("code")) == 3
