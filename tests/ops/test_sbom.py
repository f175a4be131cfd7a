"""The list of what is in the image: valid CycloneDX, complete, and made as the image makes it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # has no types
from referencing import Registry
from referencing.jsonschema import DRAFT7

from tests.debian_package import NotToBeHad
from tests.ops.conftest import STATE
from tests.ops.queries import DEPLOY, ROOT
from tests.pypi_wheel import unpacked_wheel

DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def made() -> str:
    """By the command in the Dockerfile, with the Python that has the pinned packages."""
    [script] = re.findall(r"^RUN /app/\.venv/bin/python (\S+) >", DOCKERFILE, re.MULTILINE)
    command = [sys.executable, ROOT / script]
    # Nothing of the checkout but the files that the image copies: as a script it has no other path.
    return subprocess.run(
        command, cwd="/", env={}, check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture(scope="module")
def validator() -> Any:
    try:
        wheel = unpacked_wheel("cyclonedx-python-lib", STATE)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    schemas = {path.name: json.loads(path.read_text()) for path in schemas_in(wheel)}
    resources = [(each["$id"], DRAFT7.create_resource(each)) for each in schemas.values()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return Draft7Validator(schemas["bom-1.6.SNAPSHOT.schema.json"], registry=registry)


def schemas_in(wheel: Path) -> list[Path]:
    schemas = wheel / "cyclonedx/schema/_res"
    return [*schemas.glob("bom-1.6.*.json"), *schemas.glob("spdx.*.json"), *schemas.glob("jsf*")]


def test_it_follows_the_schema(made: str, validator: Any) -> None:
    assert [error.message[:200] for error in validator.iter_errors(json.loads(made))] == []


def test_the_schema_would_find_a_fault(made: str, validator: Any) -> None:
    wrong = json.loads(made)
    wrong["components"][0]["licenses"] = [{"expression": 1}]

    assert not validator.is_valid(wrong)


def test_it_has_every_pin_with_each_of_its_hashes(made: str) -> None:
    pins = (ROOT / "requirements.txt").read_text()
    components = json.loads(made)["components"]

    listed = {f"{each['name']}=={each['version']}" for each in components}
    assert listed == set(
        re.sub(r"\[\w+\]", "", " ".join(re.findall(r"^\S+==\S+", pins, re.MULTILINE))).split()
    )
    hashes = {
        each["content"]
        for component in components
        for reference in component["externalReferences"]
        for each in reference["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", pins))
    assert all(component["licenses"] for component in components)


def test_everything_is_there_because_something_needs_it(made: str) -> None:
    document = json.loads(made)
    needs = {each["ref"]: set(each["dependsOn"]) for each in document["dependencies"]}
    reached: set[str] = set()
    found = {document["metadata"]["component"]["bom-ref"]}
    while found:
        reached |= found
        found = {needed for each in found for needed in needs[each]} - reached

    assert reached == needs.keys()
    assert reached == {each["bom-ref"] for each in document["components"]} | {
        document["metadata"]["component"]["bom-ref"]
    }


def test_the_same_pins_make_the_same_document(made: str) -> None:
    script = DEPLOY / "sbom.py"
    again = subprocess.run(
        [sys.executable, script],
        env={"PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout

    assert again == made
    assert "timestamp" not in made
    assert str(ROOT) not in made
