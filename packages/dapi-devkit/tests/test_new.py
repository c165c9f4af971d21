"""``dapi new``: names that it takes and refuses, what it writes, and over what it does not."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest
import tomlkit

from dapi._cli import main
from dapi.devkit._new import LICENSES, checked_name
from dapi.devkit.exceptions import ProjectNameError


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "letters"),
        ("9lives", "letters"),
        ("acme models", "letters"),
        ("../acme", "letters"),
        ("Dapi_Plants", "reserved for this project"),
        ("dapi", "reserved for this project"),
        ("json", "Python itself"),
        ("class", "Python itself"),
        ("Pluggy", "a distribution of that name is installed"),
        ("sklearn", "a package 'sklearn' is already installed"),
        ("a" * 33, "longer"),
    ],
)
def test_name_that_cannot_be_taken(name, reason):
    """Bad or taken ones, however they are written, with the reason."""
    with pytest.raises(ProjectNameError, match=reason):
        checked_name(name)


def test_name_is_normalised():
    """As package indexes compare them."""
    assert "acme-models-2" == checked_name("Acme__Models.2")


def test_nothing_is_written_over_what_exists(tmp_path, monkeypatch, capsys):
    """Whatever stands there: the command says so and touches nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme-flowers").mkdir()

    assert 1 == main(["new", "acme-flowers"])
    assert "acme-flowers exists" in capsys.readouterr().err
    assert [] == list((tmp_path / "acme-flowers").iterdir())


@pytest.mark.parametrize("license_", LICENSES)
def test_license_is_the_one_that_was_chosen(tmp_path, monkeypatch, license_):
    """In the metadata, the text, and the entry of the weights."""
    monkeypatch.chdir(tmp_path)

    assert 0 == main(["new", "acme-flowers", "--license", license_])
    project = tmp_path / "acme-flowers"
    assert license_ == tomlkit.parse((project / "pyproject.toml").read_text())["project"]["license"]
    entry = (project / "src" / "acme_flowers" / "mlp.py").read_text()
    assert f'"license": "{license_}"' in entry
    assert {"A": "Apache", "B": "BSD", "M": "MIT"}[license_[0]] in (project / "LICENSE").read_text()


def test_no_word_of_the_template_is_left(tmp_path, monkeypatch, capsys):
    """Everything is called after the new distribution, and all that is written is listed."""
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["new", "green-house"])
    assert 0 == main(["new", "green-weights", "--weights-for", "resnet20"])

    printed = capsys.readouterr().out.splitlines()
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert {str(path) for path in files} <= set(printed)
    for path in files:
        assert "starter" not in str(path)
        assert b"starter" not in path.read_bytes().lower()


def test_type_checkers_learn_for_which_builder_weights_are(tmp_path, monkeypatch):
    """The enum names that of the builder, from where the distribution exports it."""
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["new", "acme-weights", "--weights-for", "resnet20"])

    source = (tmp_path / "acme-weights/src/acme_weights/weights.py").read_text()
    assert "if TYPE_CHECKING:\n    from dapi.vision import ResNet20Weights\n" in source
    assert "    published_for: ResNet20Weights  # for type checkers: resnet20 takes" in source


def test_builder_without_types_is_not_named(tmp_path, monkeypatch):
    """A package without py.typed would be an error of mypy in the new project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dapi.devkit._published_for._is_typed", lambda package: False)
    assert 0 == main(["new", "acme-weights", "--weights-for", "resnet20"])

    source = (tmp_path / "acme-weights/src/acme_weights/weights.py").read_text()
    assert "published_for" not in source and "TYPE_CHECKING" not in source


def test_weights_for_a_builder_without_any(tmp_path, monkeypatch, capsys):
    """There is nothing to begin with: the error asks for a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dapi.devkit._new.latest", lambda model: None)

    assert 1 == main(["new", "acme-weights", "--weights-for", "resnet20"])
    assert "--checkpoint FILE" in capsys.readouterr().err
    assert not (tmp_path / "acme-weights").exists()


@pytest.mark.parametrize("option", ["--checkpoint=a.pth", "--config=num_classes=2"])
def test_options_of_weights_alone(option):
    """Without a builder that they are for, they would say nothing."""
    with pytest.raises(SystemExit):
        main(["new", "acme-flowers", option])


def test_weights_are_for_a_builder(capsys):
    """A member after the builder's name would say nothing, so it is refused."""
    with pytest.raises(SystemExit):
        main(["new", "acme-weights", "--weights-for", "dapi-vision/resnet20:Digits_RefV1"])
    assert "Write: dapi-vision/resnet20\n" in capsys.readouterr().err


def test_checkpoint_that_does_not_fit_writes_nothing(tmp_path, monkeypatch, capsys):
    """What could not be loaded is not offered."""
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.zeros(1)}, "odd.pth")

    words = ["--weights-for", "resnet20", "--checkpoint", "odd.pth"]
    assert 1 == main(["new", "acme-weights", *words])
    assert "keys are missing" in capsys.readouterr().err
    assert not (tmp_path / "acme-weights").exists()


def project_of(tmp_path, monkeypatch, *words):
    """Write a project, and go into it."""
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["new", "acme-flowers", *words])
    monkeypatch.chdir(tmp_path / "acme-flowers")
    return tmp_path / "acme-flowers"


def test_model_is_called_as_was_asked_for(tmp_path, monkeypatch):
    """The builder, its enum, its module, and what names them."""
    project = project_of(tmp_path, monkeypatch, "--model-name", "leafnet")

    points = tomlkit.parse((project / "pyproject.toml").read_text())["project"]["entry-points"]
    assert {"leafnet": "acme_flowers.leafnet:leafnet"} == points["dapi.models"]
    assert {"leafnet": "acme_flowers.leafnet:LeafnetWeights"} == points["dapi.weights"]
    assert (project / "tests" / "state_dicts" / "leafnet.json").exists()
    assert not [path for path in project.rglob("*") if "mlp" in path.name]


@pytest.mark.parametrize("name", ["LeafNet", "leaf-net", "9lives", "class", "tasks", "l" * 33])
def test_model_name_that_cannot_be_taken(tmp_path, monkeypatch, capsys, name):
    """With what is expected; nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert 1 == main(["new", "acme-flowers", "--model-name", name])
    assert "cannot be a model's name" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_index_shows_the_repository(tmp_path, monkeypatch):
    """As ``[project.urls]``; without ``--url`` it is a placeholder."""
    project = project_of(tmp_path, monkeypatch, "--url", "https://example.org/flowers/")

    urls = tomlkit.parse((project / "pyproject.toml").read_text())["project"]["urls"]
    assert "https://example.org/flowers" == urls["Repository"]
    assert "https://example.org/flowers/issues" == urls["Issues"]


def test_project_of_weights_says_what_to_require_and_which_level_is_next(tmp_path, monkeypatch):
    """The builder's distribution within a major version; the level that answers reach."""
    project = project_of(tmp_path, monkeypatch, "--weights-for", "resnet20")

    required = tomlkit.parse((project / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"dapi-vision>={version('dapi-vision')},<1" in required
    assert "state `level = 3` in" in (project / "README.md").read_text()
    assert "    level = 2  #" in (project / "tests" / "test_conformance.py").read_text()


@pytest.mark.usefixtures("own_imports")
@pytest.mark.parametrize("words", [(), ("--weights-for", "resnet20")], ids=["models", "weights"])
def test_family_is_added_to_a_project(tmp_path, monkeypatch, words, capsys):
    """With all that repeats its name; what is there stays, and a second time it is refused."""
    project = project_of(tmp_path, monkeypatch, *words)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    assert 0 == main(["new", "--family", "zebra_net"])
    assert 0 == main(["entry-points", "--check"])
    stub = project / "src" / "acme_flowers" / "__init__.pyi"
    assert "from .zebra_net import ZebraNetWeights as ZebraNetWeights" in stub.read_text()
    kept = {path: path.read_bytes() for path in before if path.suffix not in (".toml", ".pyi")}
    assert kept.items() <= before.items()
    assert 1 == main(["new", "--family", "zebra_net"])
    assert "zebra_net.py exists" in capsys.readouterr().err


def test_family_needs_a_project(tmp_path, monkeypatch, capsys):
    """It is added to the one in this folder."""
    monkeypatch.chdir(tmp_path)

    assert 1 == main(["new", "--family", "zebra_net"])
    assert "pyproject.toml does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("acme-flowers", "--family", "net"),
        ("acme-flowers", "--weights-for", "resnet20", "--model-name", "net"),
    ],
)
def test_options_that_contradict_each_other(words):
    """They are refused, before anything is written."""
    with pytest.raises(SystemExit):
        main(["new", *words])


def test_workflows_pin_what_they_use_and_may_do_little(tmp_path, monkeypatch):
    """Each action by its commit; one job alone may ask for a token, to publish."""
    project = project_of(tmp_path, monkeypatch)
    texts = [path.read_text() for path in (project / ".github" / "workflows").iterdir()]

    assert 3 == len(texts)
    for text in texts:
        assert "\npermissions:\n  contents: read\njobs:" in text
        for action in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    assert 1 == "".join(texts).count("id-token: write")
    assert 0 == "".join(texts).count("secrets.")
