"""The catalogue: what it says of weights, and what it keeps out; tests/ has the browser's part."""

import json
import re
import webbrowser

import pytest

from dapi import File, Status, WeightEntry, Weights
from dapi.devkit._catalogue import main
from dapi.devkit._page import Offered, described, installed, page
from dapi.exceptions import InputError, PluginWarning


class NetWeights(Weights):
    Digits_RefV1 = WeightEntry(
        (
            File("https://me:secret@example.org/1.pth?token=secret", "ab" * 32, 100),
            File("https://example.org/2.pth", "0676ba61", 28),
        ),
        meta={
            "task": "digits",
            "license": "MIT",
            "num_params": float("inf"),
            "gflops": True,
            "categories": [str(n) for n in range(40)],
            "metrics": [
                {"dataset": "Digits", "name": "acc@1", "value": 97.5, "source": "recipes/x.py"},
                {"dataset": "Digits", "name": "wer", "value": float("inf")},
            ],
            "recipe": "<b>\u2028</script>",
        },
        status=Status("withdrawn", reason="See https://example.org/why?token=secret"),
    )


FOUND = Offered("net", "acme-models", NetWeights.Digits_RefV1)
NEXT = """
    return Linear(4, 2)


@register_model(weights=(), replaces="plantnet")
def plantnet_v2(*, weights=None, progress=True): ...
"""


@pytest.fixture
def plants(acme, tmp_path, monkeypatch):
    """An installed third party, and an empty directory to write into."""
    acme(("    return Linear(4, 2)\n", NEXT))
    monkeypatch.chdir(tmp_path)


def data_of(text):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*)</script>', text)[1]
    )


def test_facts_are_those_of_the_metadata():
    """Numbers that JSON cannot say are not known; of several hashes the weakest counts."""
    (facts,) = described([FOUND])

    assert facts["weights"] == "net:Digits_RefV1"
    assert (facts["params"], facts["gflops"], facts["bytes"]) == (None, None, 128)
    assert facts["hash"] == "8 digits"
    assert facts["categories"]["count"] == 40
    assert facts["metrics"] == [
        {
            "dataset": "Digits",
            "name": "acc@1",
            "value": 97.5,
            "less_is_better": False,
            "source": "recipes/x.py",
        }
    ]


def test_no_secret_of_an_address_is_on_the_page():
    """Passwords and queries are left out of files, of reasons and of all other texts."""
    text = page([FOUND])

    assert "secret" not in text
    assert "example.org/1.pth?***" in text


def test_data_cannot_end_its_block():
    """No text of a publisher closes the script that it stands in."""
    text = page([FOUND])

    assert text.count("</script>") == 2
    assert "<b>" not in text
    assert data_of(text)[0]["more"]["recipe"] == "<b>\u2028</script>"


def test_page_needs_no_other_file():
    """No address is loaded: the page works from a folder, without a network."""
    assert not re.search(r'(src|href)="(?!#|data:)', page([FOUND]))
    assert '<a href="index.html">' in page([FOUND], home="index.html")


def test_names_that_two_distributions_give_are_qualified():
    """Each row has a name of its own, which dapi.get_model takes."""
    twins = [FOUND, Offered("net", "other-models", NetWeights.Digits_RefV1)]

    assert [each["weights"] for each in described(twins)] == [
        "acme-models/net:Digits_RefV1",
        "other-models/net:Digits_RefV1",
    ]


def test_weights_that_cannot_be_described_hide_no_others():
    """A publisher's object that fails is left out, with a warning that names the weights."""

    class Odd:
        def __call__(self): ...

        def __repr__(self):
            raise RuntimeError("no words")

    class OddWeights(Weights):
        Digits_RefV1 = WeightEntry("https://example.org/1.pth", transforms=Odd())

    odd = Offered("odd", "acme-models", OddWeights.Digits_RefV1)
    with pytest.warns(PluginWarning, match="odd:Digits_RefV1 .*no words"):
        facts = described([odd, FOUND])

    assert [each["model"] for each in facts] == ["net"]


def test_command_writes_what_is_installed(plants, tmp_path, capsys):
    """Third parties' weights are on the page, with code that imports them from where they are."""
    assert main([]) == 0

    assert "catalogue.html" in capsys.readouterr().out
    facts = data_of((tmp_path / "catalogue.html").read_text("utf-8"))
    (ours,) = [each for each in facts if each["distribution"] == "acme-plants"]
    assert ours["weights"] == "plantnet:Plants_RefV1"
    assert ours["enum"]["home"] == "acme_plants.nets"
    assert (ours["builder"], ours["replaced_by"]) == ("plantnet", "plantnet_v2")


def test_command_prints_the_page_or_its_data(plants, capsys):
    """``--output -`` prints the page, ``--json`` what it shows."""
    main(["--output", "-"])
    assert capsys.readouterr().out.startswith("<!doctype html>")

    main(["--json"])
    assert json.loads(capsys.readouterr().out) == described(installed())


def test_command_opens_the_page(plants, tmp_path, monkeypatch):
    """``--open`` hands the page to the user's browser, as an address of a file."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it reads the variable when first used

    main(["--open", "--output", "models.html"])

    assert opened.read_text().strip() == (tmp_path / "models.html").as_uri()


def test_command_says_where_it_cannot_write(plants):
    """A directory that does not exist is an error in a sentence."""
    with pytest.raises(InputError, match=r"models\.html: cannot be written to"):
        main(["--output", "nowhere/models.html"])
