"""The built wheels: what they hold, and that they keep out of each other's way."""

import zipfile
from collections import Counter

import pytest

OURS = [
    "dapi-core",
    "dapi-devkit",
    "dapi-vision",
    "dapi-text",
    "dapi-audio",
    "dapi-lock",
    "dapi-export",
]

# Upper bounds in bytes, so that nobody ships a large file by accident.
LARGEST = {
    "dapi-core": 340_000,
    "dapi-devkit": 220_000,
    "dapi-lock": 100_000,
    "dapi-export": 50_000,
    "dapi-vision": 8_000_000,
    "dapi-text": 6_000_000,
    "dapi-audio": 14_000_000,
}


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def test_no_path_occurs_in_two_wheels(wheels):
    """pip would let one distribution overwrite another's file without a word."""
    paths = Counter(path for wheel in wheels.values() for path in contents(wheel))

    assert [] == [path for path, count in paths.items() if count > 1]


@pytest.mark.parametrize("name", OURS[1:])
def test_domain_ships_nothing_directly_under_dapi(wheels, name):
    """``dapi/__init__.py`` is dapi-core's; a domain has its own folder and nothing beside it."""
    domain = name.partition("-")[2]
    package = [path for path in contents(wheels[name]) if ".dist-info/" not in path]

    assert package
    assert [] == [path for path in package if not path.startswith(f"dapi/{domain}/")]


def test_core_ships_the_package_and_its_command(wheels):
    """Core has dapi/, and one module outside of it that starts when dapi/ is damaged."""
    tops = {path.split("/")[0] for path in contents(wheels["dapi-core"])}

    assert {"dapi", "_dapi_command.py", "_dapi_owners.py"} == {
        top for top in tops if ".dist-info" not in top
    }


@pytest.mark.parametrize("name", OURS)
def test_wheel_has_types_license_and_readme(wheels, name):
    """Type checkers read the sources; people read the rest."""
    paths = contents(wheels[name])
    with zipfile.ZipFile(wheels[name]) as archive:
        described = archive.read(next(p for p in paths if p.endswith("/METADATA"))).decode()

    folder = "dapi" if name == "dapi-core" else f"dapi/{name.partition('-')[2]}"
    assert f"{folder}/py.typed" in paths
    assert any(path.endswith("licenses/LICENSE") for path in paths)
    assert "License-Expression: BSD-3-Clause" in described
    assert f"# {name}" in described


@pytest.mark.parametrize("name", OURS)
def test_wheel_is_no_larger_than_it_needs(wheels, name):
    """No wheel grows past its bound, and none ships tests or bytecode."""
    assert wheels[name].stat().st_size < LARGEST[name]
    assert [] == [p for p in contents(wheels[name]) if "test" in p.split("/") or p.endswith("pyc")]
