"""``dapi new``: names that it takes and refuses, what it writes, and over what it does not."""

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
        ("Dapi_Plants", "this project's own"),
        ("dapi", "this project's own"),
        ("json", "Python itself"),
        ("class", "Python itself"),
        ("Hatchling", "a distribution of that name is installed"),
        ("sklearn", "another package 'sklearn' is installed"),
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
