"""Bad plugins: each a small distribution with one thing wrong, all of them installed at once.

The table says what is wrong, what ``dapi doctor`` says of it, and which checks of the conformance
suite fail. Whatever is wrong, models of others are listed and built.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from typing import NamedTuple

import pytest

pytest.importorskip("torch")
pytest.importorskip("hatchling")

NETS = '''
"""A family of one net."""

from __future__ import annotations

from dapi import LegacyArgument, WeightEntry, Weights, lazy, register_model


class {enum}(Weights):
    """Weights of ``{net}``."""

    Plants_RefV1 = WeightEntry(
        url="package:{package}/net.safetensors",
        sha256="{sha256}",
        size={size},
        transforms=lazy("{package}.transforms:Scale", factor=2.0),
        meta={{
            "task": "tabular-classification",
            "license": "MIT",
            "num_params": 10,
            "datasets": ["Plants"],
            "metrics": [
                {{"dataset": "Plants", "name": "acc@1", "value": 90, "source": "recipes/plants.py"}}
            ],
            "recipe": "recipes/plants.py",
            "hash_source": "measured from the file in this distribution",
        }},
        latest=True,
    )


@register_model(
    weights={enum},
    legacy=LegacyArgument("pretrained", {{True: {enum}.Plants_RefV1, False: None}}),
)
def {net}(*, weights: {enum} | WeightEntry | None = None, progress: bool = True):
    """Build a net."""
    from torch.nn import Linear

    return Linear(4, 2)
'''
TRANSFORMS = '''
"""What prepares numbers."""


class Scale:
    """Multiplies."""

    def __init__(self, factor):
        self.factor = factor
'''
POINTS = "entry_points.txt"
SOURCES = {
    "__init__.py": "",
    "nets.py": NETS,
    "transforms.py": TRANSFORMS,
    POINTS: (
        "[dapi.models]\n{net} = {package}.nets:{net}\n"
        "[dapi.weights]\n{net} = {package}.nets:{enum}\n"
    ),
}
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0"
dependencies = ["dapi-core"]

[tool.hatch.build.targets.wheel]
only-include = [{tops}]
"""
ASK = """
import dapi
answers = {}
for name in sys.argv[1:]:
    try:
        answers[name] = type(dapi.get_model(name)).__name__
    except dapi.exceptions.DapiError as error:
        answers[name] = f"{type(error).__name__}: {error}"
    except Exception as error:
        answers[name] = f"stranger: {error!r}"
print(json.dumps(answers))
"""


class Bad(NamedTuple):
    """One thing that is wrong.

    Attributes:
        what: In words.
        old: What of a good distribution is written otherwise...
        new: ... and how.
        checks: What fails of the conformance suite.
        doctor: What ``dapi doctor`` says of it; nothing of what only its author can mend.
        file: In which file; ``all`` of them, or beside them (``dapi``, ``egg-info``).
        listed: Under which name its model is listed.
    """

    what: str
    old: str
    new: str
    checks: str
    doctor: str = ""
    file: str = "nets.py"
    listed: str = "{net}"

    @property
    def name(self) -> str:
        return "bad-" + re.sub(r"\W+", "-", self.what.lower()).strip("-")


IMPORT = "from __future__ import annotations"
TWICE = "    Plants_RefV2 = Plants_RefV1\n\n\n@register_model("
TABLE = [
    # What keeps it from being imported: it is listed, asking for it raises, others are untouched.
    Bad("SystemExit at import", IMPORT, "raise SystemExit(3)", "C005", "SystemExit: 3"),
    Bad("ImportError", IMPORT, "import absent_framework", "C005", "No module named 'absent_f"),
    Bad("two members equal", "\n\n@register_model(", TWICE, "C005", "equals Plants_RefV1"),
    Bad("trailing comma", "        latest=True,\n    )", "    ),", "C005", "is a tuple"),
    Bad("local file", "package:", "file:///home/me/", "C005", "is a local file"),
    Bad("positional weights", "(*, weights:", "(weights:", "C005", "no keyword-only parameter"),
    Bad("not decorated", "@register_model", "@(lambda **_: lambda f: f)", "C005",
        "decorate it with"),
    # What is wrong with its entry points.
    Bad("no such target", "nets:{net}", "nets:absent", "C004 C005", "no attribute 'abs", POINTS),
    Bad("class as a model", "nets:{net}", "nets:{enum}", "C004 C005", "decorate it with", POINTS),
    Bad("misnamed", "]\n{net} =", "]\nother =", "C004", "registered as 'net_of_misnamed'", POINTS,
        listed="other"),
    Bad("weights for nobody", "weights]\n{net}", "weights]\nnobody", "C004 C006 C037", file=POINTS),
    Bad("damaged", "]", "", "C001", "its entry_points.txt cannot be read", POINTS, listed=""),
    Bad("a name of others", "{net}", "resnet20", "C010", "'resnet20' is also provided by", "all",
        listed="bad-a-name-of-others/resnet20"),
    # What is wrong with how it is installed.
    Bad("stray package file", "", "", "C002", "it installed its own dapi/__init__.py", "dapi"),
    Bad("stale egg-info", "", "", "C001", "its metadata is found", "egg-info"),
    # What is wrong with its declarations.
    Bad("torch at import", IMPORT, f"{IMPORT}\nimport torch", "C003"),
    Bad("no docstring", '    """Build a net."""\n', "", "C012"),
    Bad("replaces nothing", "legacy=", 'replaces="absent_net", legacy=', "C013"),
    Bad("legacy without weights", "True: {enum}.Plants_RefV1", 'True: "Plants_RefV1"', "C014"),
    Bad("no latest", "latest=True", "latest=False", "C021"),
    Bad("member named otherwise", "Plants_RefV1", "PLANTS_V1", "C030"),
    Bad("no task", '            "task": "tabular-classification",\n', "", "C031"),
    Bad("license of its own", '"MIT"', '"Free for friends"', "C032"),
    Bad("metric without source", ', "source": "recipes/plants.py"', "", "C033"),
    Bad("no hash", '        sha256="{sha256}",\n', "", "C034"),
    Bad("wrong hash", "{sha256}", "0" * 64, "C035 C055"),
    Bad("transforms not there", "transforms:Scale", "transforms:Absent", "C038"),
    Bad("transforms take other arguments", "factor=2.0", "factors=2.0", "C038"),
    # What is wrong with the model.
    Bad("builder raises", "    from torch.nn import Linear", "    1 / 0",
        "C050 C052 C053 C054 C055"),
    Bad("other number of parameters", '"num_params": 10', '"num_params": 11', "C053"),
    Bad("file does not fit", "Linear(4, 2)", "Linear(4, 2, bias=False)", "C053 C055"),
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The file of a Linear(4, 2)."""
    import torch

    from dapi._loader import safetensors

    path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
    safetensors.write(path, torch.nn.Linear(4, 2).state_dict(), {})
    return path.read_bytes()


@pytest.fixture(scope="module")
def site(tmp_path_factory, checkpoint):
    """A folder for each distribution, as ``pip install --target`` fills it."""
    folder = tmp_path_factory.mktemp("bad")
    install(folder, "acme-good", "good_net", checkpoint)
    for bad in TABLE:
        install(folder, bad.name, net_of(bad), checkpoint, bad)
    return folder


def net_of(bad):
    """Return the name of the builder of a bad distribution."""
    return "net_of_" + bad.name.removeprefix("bad-").replace("-", "_")


def install(folder, name, net, checkpoint, bad=None):
    """Write a distribution's project, build its wheel, and unpack that."""
    from hatchling.builders.wheel import WheelBuilder

    package = name.replace("-", "_")
    facts = {
        "net": net,
        "package": package,
        "enum": net.title().replace("_", "") + "Weights",
        "sha256": sha256(checkpoint).hexdigest(),
        "size": len(checkpoint),
    }
    texts = {file: written(file, source, facts, bad) for file, source in SOURCES.items()}
    project = folder / "projects" / name
    write(project, {f"{package}/{file}": texts[file] for file in SOURCES if file != POINTS})
    (project / package / "net.safetensors").write_bytes(checkpoint)
    tops = f'"{package}"'
    if bad and bad.file == "dapi":
        write(project, {"dapi/__init__.py": ""})
        tops += ', "dapi"'
    write(project, {"pyproject.toml": PYPROJECT.format(name=name, tops=tops)})
    wheel = next(WheelBuilder(str(project)).build(directory=str(folder / "wheels")))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / name)
    write(folder / name / f"{package}-1.0.dist-info", {POINTS: texts[POINTS]})
    if bad and bad.file == "egg-info":
        facts = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n"
        write(folder / name / f"{package}.egg-info", {"PKG-INFO": facts, POINTS: texts[POINTS]})


def written(file, source, facts, bad):
    """Return what is in a file, with the one thing that is wrong."""
    text = source.format(**facts)
    if bad is None or bad.file not in (file, "all"):
        return text
    old, new = (part.format(**facts) for part in (bad.old, bad.new))
    assert bad.file == "all" or old in text
    return text.replace(old, new)


def write(folder, texts):
    """Write files into a folder."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def run(site, code, *arguments):
    """Run code in a process that has all distributions at the end of its path."""
    folders = [str(site / name) for name in ("acme-good", *(bad.name for bad in TABLE))]
    start = f"import json, sys; sys.path += json.loads({json.dumps(json.dumps(folders))})\n"
    return subprocess.run(
        [sys.executable, "-c", start + code, *arguments],
        cwd=site,
        env={**os.environ, "DAPI_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def listed(site):
    """What ``dapi.list_models`` says."""
    return json.loads(run(site, "import dapi; print(json.dumps(dapi.list_models()))").stdout)


@pytest.fixture(scope="module")
def asked(site):
    """What asking for each model says: its class, or the error."""
    names = ["good_net", *(net_of(bad) for bad in TABLE)]
    return json.loads(run(site, ASK, *names).stdout)


@pytest.fixture(scope="module")
def doctor(site):
    """What ``dapi doctor`` says: its findings by distribution."""
    result = run(site, "import dapi.__main__", "doctor", "--json")
    found = {}
    for problem in json.loads(result.stdout)["problems"]:
        found.setdefault(problem["distribution"], []).append(problem["what"])
    return found


@pytest.fixture(scope="module")
def failed(site):
    """What the conformance suite says: the checks that fail, by distribution."""
    names = ["acme-good", *(bad.name for bad in TABLE)]
    options = [f"--dapi-conformance={name}" for name in names]
    options += ["-q", "-rf", "--tb=no", "-p", "no:cacheprovider"]
    result = run(site, "import pytest; sys.exit(pytest.main(sys.argv[1:]))", *options)
    assert result.returncode == 1, result.stdout + result.stderr
    found = {name: set() for name in names}
    for name, check in re.findall(r"^FAILED ([\w-]+)::\S*DAPI-(C\d+)-", result.stdout, re.M):
        found[name].add(check)
    return found


def test_good_one_is_listed_built_and_conforms(listed, asked, doctor, failed):
    """Beside all of them, a good distribution is as if it were alone."""
    assert "good_net" in listed
    assert "Linear" == asked["good_net"]
    assert "acme-good" not in doctor
    assert set() == failed["acme-good"]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.what)
def test_bad_one_is_listed_or_its_damage_told(bad, listed, asked):
    """Its model is listed, and asking for it raises what names the distribution."""
    name = bad.listed.format(net=net_of(bad))
    assert not name or name in listed
    if "C005" in bad.checks:
        assert asked[net_of(bad)].startswith(f"PluginLoadError: {bad.name} could not be loaded")


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.what)
def test_doctor_says_what_keeps_models_from_being_found(bad, doctor):
    """And nothing of what only the author can mend."""
    found = " ".join(doctor.get(bad.name, ()))

    assert bad.doctor in found
    assert bool(bad.doctor) == bool(found)


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.what)
def test_conformance_suite_fails_the_right_checks(bad, failed):
    """Those of the table, and no others."""
    assert set(bad.checks.split()) == failed[bad.name]
