"""What staff does to a number stands in its timeline, in whose name it was done."""

import pytest

from tests.unit.http.caller import READ_TOKEN, Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import with_code
from tests.unit.http.numbers import watched

ANN = {"X-Actor": "ann"}


async def test_a_look_at_the_codes_is_recorded_once_for_each_code_there_is(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    path = f"/v1/activations/{shown['id']}"
    number = next(iter(world.reads.found.values()))
    world.reads.put(with_code(number))

    for _ in range(2):
        looked = await api.post(f"{path}/shown", headers=ANN)
    assert looked.json["codes"][0]["code"] == "123456"
    world.reads.put(with_code(world.reads.found[number.id], "777"))
    await api.post(f"{path}/shown", headers=ANN)

    lines = [line for line in (await api.get(path)).json["timeline"] if "by" in line]
    assert [(one["what"], one["by"], one["note"]) for one in lines] == [
        ("shown_to_staff", "ann (shop)", "1 code"),
        ("shown_to_staff", "ann (shop)", "2 codes"),
    ]
    read = await api.get(path, token=READ_TOKEN)
    assert {code["code"] for code in read.json["codes"]} == {"****"}


@pytest.mark.parametrize(("headers", "told"), [(ANN, ["cancel_by_staff"]), ({}, [])])
async def test_a_press_of_staff_has_a_name_and_one_of_a_program_of_the_shop_has_none(
    api: Api, headers: dict[str, str], told: list[str]
) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"

    pressed = await api.post(f"{path}/cancel", headers=headers)

    assert pressed.status == 200
    lines = [line for line in (await api.get(path)).json["timeline"] if "by" in line]
    assert [line["what"] for line in lines] == told
    assert all(line["by"] == "ann (shop)" for line in lines)


async def test_an_actor_is_named_in_printable_words(api: Api) -> None:
    path = f"/v1/activations/{(await watched(api)).json['id']}"
    for name in ("", "x" * 129):
        refused = await api.post(f"{path}/cancel", headers={"X-Actor": name})
        assert (refused.status, refused.slug) == (400, "bad-request")
