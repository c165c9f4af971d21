"""Licenses: DAPI_LICENSES refuses what it does not name, wherever weights are used."""

import json
import sys

import pytest

import dapi
from dapi import WeightEntry
from dapi._weights.licenses import is_allowed
from dapi.exceptions import LicenseError

MODULE = """
from dapi import File, WeightEntry, Weights, register_model

VOICE = WeightEntry("https://example.org/voice", meta={"license": "CC-BY-NC-4.0"})

class NetWeights(Weights):
    Free_RefV1 = WeightEntry("https://example.org/a", latest=True, meta={"license": "MIT"})
    Either_RefV1 = WeightEntry("https://example.org/b", meta={"license": "GPL-2.0-only OR MIT"})
    Unknown_RefV1 = WeightEntry("https://example.org/c")
    Talker_RefV1 = WeightEntry(
        "https://example.org/d", meta={"license": "MIT"},
        assets={"words": File("https://example.org/w"), "voice": VOICE},
    )

@register_model(weights=NetWeights)
def net(*, weights=None, progress=True):
    raise AssertionError("nothing is built of what is not allowed")
"""
POINTS = "[dapi.models]\nnet = acme_licensed:net\n[dapi.weights]\nnet = acme_licensed:NetWeights\n"


@pytest.fixture(autouse=True)
def licensed(alone, advertise, monkeypatch):
    """A distribution whose weights have several licenses; nothing is asked of a network."""
    advertise("acme-licensed", POINTS, acme_licensed=MODULE)
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    yield
    sys.modules.pop("acme_licensed", None)


@pytest.mark.parametrize(
    ("license_", "allowed", "expected"),
    [
        ("MIT", ("MIT", "Apache-2.0"), True),
        ("mit", ("MIT",), True),
        ("GPL-3.0-only", ("MIT",), False),
        ("MIT OR GPL-3.0-only", ("MIT",), True),
        ("GPL-3.0-only OR MIT", ("MIT",), True),
        ("MIT AND GPL-3.0-only", ("MIT",), False),
        ("GPL-3.0-only AND MIT", ("MIT",), False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", ("MIT", "Apache-2.0"), True),
        ("MIT OR Apache-2.0 AND GPL-3.0-only", ("MIT",), True),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", ("MIT",), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), False),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0 OR MIT",
            ("GPL-2.0-only WITH Classpath-exception-2.0",),
            True,
        ),
        ("LicenseRef-Acme", ("LicenseRef-Acme",), True),
        ("unknown", ("MIT",), False),
        ("unknown", ("MIT", "unknown"), True),
        ("our own, see the page", ("MIT",), False),
        ("our own, see the page", ("our own, see the page",), True),
        ("MIT AND", ("MIT",), False),
        ("MIT OR", ("MIT",), False),
        ("OR MIT", ("MIT",), False),
        ("MIT MIT", ("MIT",), False),
        ("(MIT", ("MIT",), False),
        ("MIT)", ("MIT",), False),
        ("MIT WITH", ("MIT",), False),
        ("", ("MIT",), False),
        ("()", ("MIT",), False),
        ("(" * 100_000 + "MIT", ("MIT",), False),
        ("MIT", (), False),
    ],
)
def test_expression_is_satisfied_or_not(license_, allowed, expected):
    """SPDX expressions by their meaning; what is none is text, and never satisfied by a part."""
    assert expected is is_allowed(license_, allowed)


WAYS = {
    "get_model": lambda name: dapi.get_model(name),
    "fetch": lambda name: dapi.get_weights(name).fetch(),
    "entry": lambda name: dapi.get_weights(name).value.fetch(),
    "state_dict": lambda name: dapi.get_weights(name).state_dict(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("net:Unknown_RefV1", "net:Unknown_RefV1 has the license 'unknown'"),
        ("net:Talker_RefV1", "voice of net:Talker_RefV1 has the license 'CC-BY-NC-4.0'"),
    ],
)
def test_what_is_not_allowed_is_refused(monkeypatch, way, name, told):
    """Also other weights that an entry uses, and what names no license; with what is allowed."""
    monkeypatch.setenv("DAPI_LICENSES", "MIT, Apache-2.0")

    with pytest.raises(LicenseError, match="allows only MIT, Apache-2.0") as caught:
        WAYS[way](name)

    parts = told.split(name) if way == "entry" else [told]  # an entry has no name
    assert all(part in str(caught.value) for part in parts)


@pytest.mark.parametrize("name", ["net:Free_RefV1", "net:Either_RefV1"])
def test_what_is_allowed_is_not_in_the_way(monkeypatch, name):
    """Then the next thing that is missing is told."""
    monkeypatch.setenv("DAPI_LICENSES", "MIT")

    with pytest.raises(dapi.exceptions.OfflineError):
        dapi.get_weights(name).fetch()


@pytest.mark.parametrize("value", [None, "", " , "])
def test_without_a_list_every_licence_is_allowed(monkeypatch, value):
    """An empty variable is none."""
    if value is not None:
        monkeypatch.setenv("DAPI_LICENSES", value)

    with pytest.raises(dapi.exceptions.OfflineError):
        dapi.get_weights("net:Unknown_RefV1").fetch()


def test_own_checkpoint_has_no_licence_either(monkeypatch, tmp_path):
    """Whoever uses one under a list says so: unknown."""
    (tmp_path / "own.pth").write_bytes(b"x")
    own = WeightEntry.from_file(tmp_path / "own.pth")
    monkeypatch.setenv("DAPI_LICENSES", "MIT")
    with pytest.raises(LicenseError):
        own.fetch()

    monkeypatch.setenv("DAPI_LICENSES", "MIT,unknown")
    assert own.fetch() == tmp_path / "own.pth"


def test_command_refuses_what_is_not_allowed(monkeypatch, capsys):
    """dapi fetch says it, and the others are still fetched."""
    from _dapi_command import main

    monkeypatch.setenv("DAPI_LICENSES", "MIT")

    assert 1 == main(["fetch", "net:Unknown_RefV1", "--yes"])
    assert "has the license 'unknown'" in capsys.readouterr().err


def test_search_finds_what_may_be_used(capsys):
    """The vocoder of the talker counts; several licenses are any of them."""
    from _dapi_command import main

    assert 0 == main(
        ["search", "--json", "--allow-license", "MIT", "--allow-license", "BSD-3-Clause"]
    )
    rows = json.loads(capsys.readouterr().out)

    assert ["net:Free_RefV1", "net:Either_RefV1"] == [row["weights"] for row in rows]
