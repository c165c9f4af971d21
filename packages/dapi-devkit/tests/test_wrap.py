"""``dapi new --wrap``: a class and files of another distribution, as one writes them by hand."""

import re
import sys
from pathlib import Path

import pytest
import tomlkit

from dapi._cli import main

torch = pytest.importorskip("torch")

MODULE = """
import torch
from torch import nn

class Part(nn.Module):
    def __init__(self, width: int, depth=1, pretrained=True):
        super().__init__()
        if pretrained:
            raise RuntimeError("it must not load files itself")
        self.fc = nn.Linear(width, 2)

class Pair(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.one, self.other = (Part(width, pretrained=False) for _ in range(2))
        self.register_buffer("window", torch.hann_window(width))

class Weighted(nn.Linear):
    def __init__(self, weights):
        super().__init__(weights, 2)

class Stemmed(nn.Linear):
    def __init__(self, new_stem):
        super().__init__(new_stem, 2)

def part(*, width: int, **others):
    return Part(width, pretrained=False)
"""
METADATA = "Metadata-Version: 2.1\nName: Other.Net\nVersion: 1.2\nLicense-Expression: MIT\n"


@pytest.fixture(autouse=True)
def others(tmp_path, monkeypatch):
    """A distribution of somebody else, with classes and files."""
    site, project = tmp_path / "site", tmp_path / "project"
    package, facts = site / "other_net", site / "other_net-1.2.dist-info"
    for folder in (package, facts, project):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text(MODULE)
    for seed, name in enumerate(("one", "other")):
        torch.manual_seed(seed)
        torch.save(torch.nn.Linear(3, 2).state_dict(prefix="fc."), package / f"{name}.pth")
    state = torch.load(package / "one.pth", weights_only=True)
    torch.save({f"module.{key}": value for key, value in state.items()}, package / "wrapped.pth")
    torch.save({"epoch": 3, "state_dict": state}, package / "nested.pth")
    (facts / "METADATA").write_text(METADATA)
    names = [path.name for path in package.iterdir()]
    (facts / "RECORD").write_text("".join(f"other_net/{name},,\n" for name in names))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(project)
    yield package
    sys.modules.pop("other_net", None)


def new(*words):
    return main(["new", "acme-others", "--model-name", "others", *words])


def family(name):
    return Path("acme-others", "src", "acme_others", f"{name}.py").read_text()


PREFIXED = [f"--file={name}.=package:other_net/{name}.pth" for name in ("one", "other")]


def test_class_and_files_are_those_of_the_distribution(others):
    """What the weights fix, and where the files are; nothing of it is copied."""
    words = ("--wrap=other_net:Part", "--file=package:other_net/one.pth", "--config=width=3")
    assert 0 == new(*words)

    written = family("part")
    assert 'url="package:other_net/one.pth#other-net"' in written
    assert 'build=Build(config={"width": 3})' in written
    assert "    width: int,\n" in written and "    depth: Any\n" in written
    assert "from other_net import Part" in written
    project = tomlkit.parse(Path("acme-others/pyproject.toml").read_text())["project"]
    assert "other-net==1.2" in project["dependencies"]
    assert not [*Path("acme-others").rglob("*.pth")]


def test_class_that_would_load_files_does_not(others):
    """Its argument for that is false, in the builder and while it is tried."""
    words = ("--wrap=other_net:Part", "--file=package:other_net/one.pth", "--config=width=3")
    assert 0 == new(*words)

    assert '"pretrained": False,' in family("part")


def test_each_file_may_have_a_prefix(others):
    """Several networks, a file each; what the class computes is declared."""
    words = ("--wrap=other_net:Pair", "--config=width=3", "--computed=window", *PREFIXED)
    assert 0 == new(*words)

    written = family("pair")
    assert 'prefix="one."' in written and 'prefix="other."' in written
    assert 'computed=("window",)' in written


@pytest.mark.parametrize(
    ("file", "step"),
    [("wrapped", 'StripPrefix(prefix="module.")'), ("nested", 'Take("state_dict")')],
)
def test_keys_are_mapped_where_that_is_plain(others, file, step):
    """A model that was wrapped when it was saved, and a checkpoint of training."""
    words = ("--wrap=other_net:part", f"--file=package:other_net/{file}.pth", "--config=width=3")
    assert 0 == new(*words)

    assert step in family("part")


def test_path_of_an_installed_file_is_an_address(others):
    """Wherever the package is installed: no path of this machine is written."""
    words = ("--wrap=other_net:Part", f"--file={others / 'one.pth'}", "--config=width=3")
    assert 0 == new(*words)

    assert 'url="package:other_net/one.pth#other-net"' in family("part")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--wrap=other_net:Absent", PREFIXED[0]), "cannot be imported"),
        (("--wrap=absent:Net", PREFIXED[0]), "cannot be imported"),
        (("--wrap=other_net:torch", PREFIXED[0]), "neither a class nor a function"),
        (("--wrap=other_net:Part", PREFIXED[0]), "requires width.*--config NAME=VALUE"),
        (("--wrap=other_net:Weighted", PREFIXED[0]), "'weights', which has another meaning"),
        (("--wrap=other_net:Stemmed", PREFIXED[0]), "'new_stem', which has another meaning"),
        (("--wrap=other_net:Pair", "--config=width=3", *PREFIXED), "1 key is missing: window"),
        (("--wrap=other_net:Pair", "--config=width=3", PREFIXED[0]), "keys are missing"),
        (
            ("--wrap=other_net:Part", "--config=width=3", "--file=pyproject.toml"),
            "not in an installed package",
        ),
    ],
    ids=["class", "module", "no class", "argument", "own", "stem", "computed", "file", "path"],
)
def test_what_cannot_be_wrapped_writes_nothing(capsys, words, text):
    """The error says why, and what to do."""
    assert 1 == new(*words)

    assert re.search(text, capsys.readouterr().err, re.DOTALL)
    assert not Path("acme-others").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--file=package:a/b.pth",),
        ("--computed=window",),
        ("--wrap=other_net:Part",),
        ("--wrap=other_net:Part", PREFIXED[0], "--weights-for=resnet20"),
    ],
)
def test_options_that_say_nothing_are_refused(words):
    """Files without a class, a class without files, and two projects at once."""
    with pytest.raises(SystemExit):
        new(*words)
