"""Commands: their exit statuses, what they compare with, and what they say of bad input."""

import json

import pytest

from dapi.devkit.compatibility import commands
from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.releases import Releases
from dapi.devkit.exceptions import NoReleaseError


@pytest.fixture
def project(content, tmp_path, monkeypatch):
    """A project that keeps images of two releases, with a third that is not released yet."""
    monkeypatch.chdir(tmp_path)
    for version in ("0.9", "0.10"):
        Image({**content, "version": version}).write(tmp_path / f"compat/{version}.json.gz")
    return tmp_path


def write(content, *changes):
    """Write the image of the new release, changed."""
    text = json.dumps({**content, "version": "1.0"})
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Image(json.loads(text)).write(commands.Path("new.json"))


def breaking(*options):
    return commands.breaking(["acme-nets", "--new", "new.json", *options])


LICENSE = ('"MIT"', '"GPL-3.0-only"')


@pytest.mark.parametrize("against", ["0.10", "all", "compat/0.9.json.gz"])
def test_the_status_says_whether_anything_breaks(project, content, capsys, against):
    """0 for nothing, 1 for a break, whichever release it is compared with."""
    write(content)
    assert 0 == breaking("--against", against)
    write(content, LICENSE)
    assert 1 == breaking("--against", against)
    assert "license was MIT, is GPL-3.0-only" in capsys.readouterr().out


def test_all_names_every_release(project, content, capsys):
    """A break is told once, with the releases whose users meet it, the oldest first."""
    write(content, LICENSE)
    breaking("--against", "all", "--json")

    found = json.loads(capsys.readouterr().out)["found"]

    assert {("0.9", "0.10")} == {tuple(each["against"]) for each in found}


def test_a_category_leaves_the_others_out(project, content):
    """A break of results is none for who only locks files."""
    write(content, ('"std": 0.5}, "d', '"std": 0.1}, "d'), ('"live": true', '"live": false'))

    assert 0 == breaking("--against", "0.9", "--category", "load")


def test_an_allowance_lets_a_break_pass(project, content, capsys):
    """Until its day; then it fails, and says so."""
    write(content, LICENSE)
    table = '[[tool.dapi.breaking.allow]]\nrule = "DAPI-B005"\ntarget = "net:*"\nreason = "asked"\n'
    path = project / "pyproject.toml"

    path.write_text(f"{table}until = 2999-01-01\n")
    assert 0 == breaking("--against", "0.9")
    path.write_text(f"{table}until = 2020-01-01\n")
    assert 1 == breaking("--against", "0.9")
    assert "expired: DAPI-B005" in capsys.readouterr().out


BAD = {
    "no release": (["--against", "7.0"], "no image of 7.0. Available: 0.9, 0.10."),
    "a damaged image": (["--against", "bad.json"], "bad.json is not JSON"),
    "another distribution": (["--against", "other.json"], "of other-nets, not of acme-nets"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_compared_has_a_status_of_its_own(project, content, capsys, what):
    """2, and a sentence that says what to do."""
    write(content)
    (project / "bad.json").write_text("{")
    Image({**content, "distribution": "other-nets"}).write(project / "other.json")
    options, words = BAD[what]

    assert 2 == breaking(*options)
    assert words in capsys.readouterr().err


def test_without_releases_the_folder_is_named(tmp_path):
    """With the command that keeps one."""
    with pytest.raises(NoReleaseError, match="compat has no image of any release.*dapi snapshot"):
        Releases(tmp_path).find("all")


def test_release_notes_tell_users(project, content, capsys):
    """New weights and models, what is latest, corrected metrics and licenses; and what breaks."""
    second = '"Data_RefV2": {"where"'
    write(
        content,
        ('"metrics": []', '"metrics": [{"dataset": "D", "name": "acc", "value": 9}]'),
        (second, second.replace("V2", "V3")),
    )

    assert 0 == commands.diff(["compat/0.10.json.gz", "new.json"])
    told = capsys.readouterr().out
    assert told.startswith("# acme-nets 1.0\n\nChanges since 0.10.\n\n## Breaking changes\n")
    for words in ("`net:Data_RefV2`: It was removed", "## New weights\n\n- `net:Data_RefV3`",
                  "acc 9 on D", "## Corrected metrics"):  # fmt: skip
        assert words in told


@pytest.mark.parametrize("words", [["acme-nets"], ["a", "b", "c"], ["a", "b", "--against", "1"]])
def test_diff_takes_a_distribution_or_two_files(words, capsys):
    """Anything else is a misuse."""
    with pytest.raises(SystemExit, match="2"):
        commands.diff(words)


def test_a_snapshot_is_written_where_it_is_wanted(leaves, tmp_path, capsys, monkeypatch):
    """It says how large it is, and what is missing in it."""
    monkeypatch.chdir(tmp_path)

    assert 0 == commands.snapshot(["acme-leaves", "--build", "--output", "out/1.0.json.gz"])
    assert "acme-leaves 1.0: out/1.0.json.gz" in capsys.readouterr().out
    assert "1.0" == Image.read(tmp_path / "out" / "1.0.json.gz").version


def test_a_snapshot_without_a_declaration_is_not_written(leaves, tmp_path, capsys, monkeypatch):
    """A later release could break what is not in it, and nothing would say so."""
    monkeypatch.chdir(tmp_path)
    leaves.change(("@register_model", "import absent_thing\n\n@register_model"))

    assert 2 == commands.snapshot(["acme-leaves", "--build", "--output", "1.0.json.gz"])
    assert "No module named 'absent_thing'" in capsys.readouterr().err
    assert not (tmp_path / "1.0.json.gz").exists()


def test_what_changed_is_also_told_to_programs(project, content, capsys):
    """As JSON, with the findings that the notes are made of."""
    write(content, LICENSE)

    assert 0 == commands.diff(["compat/0.10.json.gz", "new.json", "--json"])
    assert {"DAPI-B005"} == {each["rule"] for each in json.loads(capsys.readouterr().out)["found"]}


def test_a_break_is_proven_by_the_installed_release(leaves, tmp_path, capsys, monkeypatch):
    """A state dict of the old model is loaded into the new one, in a process of its own."""
    monkeypatch.chdir(tmp_path)
    leaves.image(run=()).write(tmp_path / "compat" / "1.0.json.gz")
    leaves.change(("self.fc", "self.head"))

    assert 1 == commands.breaking(
        ["acme-leaves", "--against", "1.0", "--category", "load", "--run"]
    )
    assert 'Missing key(s) in state_dict: "head.weight"' in capsys.readouterr().out
