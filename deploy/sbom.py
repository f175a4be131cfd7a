"""Prints what the image's Python environment is made of: the image has it in its environment.

A CycloneDX document of the pins in requirements.txt: each package with the hashes that pip accepts,
its declared licence, and who needs it. Nothing in it depends on the day or the machine. This needs
nothing but the environment that it describes: run it with that environment's Python.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PINS: Final = ROOT / "requirements.txt"

_PIN: Final = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==([^ ]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NEEDED_BY: Final = re.compile(r"^ {4}#(?: via|  ) +([a-z0-9.-]+)")


class NotAsPinned(Exception):
    """The environment has another version than requirements.txt says."""


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    hashes: Sequence[str]
    needed_by: Sequence[str]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(requirements: str) -> Iterator[Pin]:
    """Each paragraph of pip-compile's file begins with a pin."""
    for paragraph in re.split(r"\n(?=[a-z0-9])", requirements):
        if pin := _PIN.match(paragraph):
            needed_by = [by for line in paragraph.split("\n") if (by := _NEEDED_BY.match(line))]
            yield Pin(
                name=pin[1],
                version=pin[2],
                hashes=sorted(_HASH.findall(paragraph)),
                needed_by=[each[1] for each in needed_by],
            )


def sbom() -> str:
    found = list(pins(PINS.read_text()))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    purls = {pin.name: pin.purl for pin in found} | {name: f"pkg:pypi/{name}@{version}"}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purls[name],
                "name": name,
                "version": version,
                "licenses": [{"expression": project["license"], "acknowledgement": "declared"}],
                "purl": purls[name],
            }
        },
        "components": [_component(pin) for pin in found],
        "dependencies": [
            {
                "ref": purl,
                "dependsOn": sorted(pin.purl for pin in found if needed_by in pin.needed_by),
            }
            for needed_by, purl in purls.items()
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(pin: Pin) -> Mapping[str, Any]:
    installed = metadata(pin.name)
    if installed["Version"] != pin.version:
        raise NotAsPinned(f"{pin.name} {installed['Version']}, not {pin.version}")
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "licenses": list(_licences(installed)),
        "purl": pin.purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": pin.purl,
                "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
            }
        ],
    }


def _licences(installed: PackageMetadata) -> Iterator[Mapping[str, Any]]:
    """As declared: an expression where there is one, else the names that are given."""
    if expression := installed.get("License-Expression"):
        yield {"expression": expression, "acknowledgement": "declared"}
        return
    classifiers = installed.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    for name in named or [installed["License"]]:
        yield {"license": {"name": name, "acknowledgement": "declared"}}


if __name__ == "__main__":
    sys.stdout.write(sbom())
