"""What staff does to a number stands in its timeline, in whose name it was done."""

import pytest

from tests.unit.http.caller import OPERATE_TOKEN, READ_TOKEN, WRITE_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import watched
from worker.ports.service import ActionOutcome

ANN = {"X-Actor": "ann"}


async def test_a_look_at_the_codes_is_recorded_once_for_each_code_there_is(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    path = f"/v1/activations/{shown['id']}"
    number = next(iter(world.reads.found.values()))
    world.reads.put(with_code(number))

    await api.post(f"{path}/shown", headers=ANN)
    again = await api.post(f"{path}/shown", headers=ANN)
    assert again.json["codes"][0]["code"] == "123456"
    world.reads.put(with_code(world.reads.found[number.id], "777"))
    await api.post(f"{path}/shown", headers=ANN)

    lines = [line for line in (await api.get(path)).json["timeline"] if "by" in line]
    assert [(one["what"], one["by"], one["note"]) for one in lines] == [
        ("shown_to_staff", "ann (shop)", "1 code"),
        ("shown_to_staff", "ann (shop)", "2 codes"),
    ]
    read = await api.get(path, token=READ_TOKEN)
    assert {code["code"] for code in read.json["codes"]} == {"****"}


@pytest.mark.parametrize(
    ("token", "headers", "by"),
    [
        (OPERATE_TOKEN, ANN, ["ann (program)"]),
        (OPERATE_TOKEN, {}, []),
        (WRITE_TOKEN, ANN, ["ann (shop)"]),
        (WRITE_TOKEN, {}, ["shop"]),  # It may decide, so a person holds it.
    ],
)
async def test_a_press_of_staff_has_a_name_and_one_of_a_program_of_the_shop_has_none(
    api: Api, token: str, headers: dict[str, str], by: list[str]
) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"

    pressed = await api.post(f"{path}/cancel", headers=headers, token=token)

    assert pressed.status == 200
    lines = [line for line in (await api.get(path)).json["timeline"] if "by" in line]
    assert [(line["what"], line["by"]) for line in lines] == [
        ("cancel_by_staff", who) for who in by
    ]


@pytest.mark.parametrize(
    ("token", "headers", "line"),
    [
        (OPERATE_TOKEN, {}, ("resend", "program")),
        (OPERATE_TOKEN, ANN, ("resend_by_staff", "ann (program)")),
        (WRITE_TOKEN, {}, ("resend_by_staff", "shop")),
    ],
)
async def test_that_another_sms_was_asked_for_stands_in_the_timeline_whoever_asked(
    api: Api, world: World, token: str, headers: dict[str, str], line: tuple[str, str]
) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"
    world.service.forced_action = ActionOutcome.PROVIDER_UNAVAILABLE
    await api.post(f"{path}/resend", headers=headers, token=token)
    assert [one for one in (await api.get(path)).json["timeline"] if "by" in one] == []
    world.service.forced_action = None
    world.reads.put(with_code(next(iter(world.reads.found.values()))))

    asked = await api.post(f"{path}/resend", headers=headers, token=token)

    assert asked.status == 200
    lines = [one for one in (await api.get(path)).json["timeline"] if "by" in one]
    assert [(one["what"], one["by"]) for one in lines] == [line]


async def test_an_actor_is_named_in_printable_words(api: Api) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"
    for name in ("", "x" * 129):
        refused = await api.post(f"{path}/cancel", headers={"X-Actor": name})
        assert (refused.status, refused.slug) == (400, "bad-request")
