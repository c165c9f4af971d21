"""The maintenance command that tells what a release of torchvision or torchaudio changed."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "tools" / "compare_peers.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("compare_peers", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_peers"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["compare_peers"]


def listing():
    """What a peer says, and what we say of it."""
    return {
        "net": {"weights": ["Net_Weights.A_V1"], "default": "Net_Weights.A_V1"},
        "Net_Weights.A_V1": {"url": "https://example.org/a.pth", "transforms.crop_size": 224},
    }


def test_same_listings_do_not_differ(tool):
    """What we say beyond the peer's facts is no difference."""
    ours = listing()
    ours["Net_Weights.A_V1"]["datasets"] = ["A"]

    assert [] == tool.compare("peer", listing(), ours, {})


def test_what_a_release_added_removed_and_changed_is_told(tool):
    """New builders and weights, those that are gone, and facts that have another value."""
    theirs = listing()
    theirs["net"]["weights"].append("Net_Weights.A_V2")
    theirs["Net_Weights.A_V2"] = {"url": "https://example.org/a2.pth"}
    theirs["Net_Weights.A_V1"]["transforms.crop_size"] = 232
    theirs["Net_Weights.A_V1"]["transforms.antialias"] = True
    ours = listing()
    ours["old_net"] = {"weights": []}

    told = {each[1:4] for each in tool.compare("peer", theirs, ours, {})}
    assert told == {
        ("added", "Net_Weights.A_V2", ""),
        ("removed", "old_net", ""),
        ("changed", "net", "weights"),
        ("changed", "Net_Weights.A_V1", "transforms.crop_size"),
        ("changed", "Net_Weights.A_V1", "transforms.antialias"),
    }


def test_difference_that_is_meant_is_not_told(tool):
    """It is declared with its reason; once it is gone, the declaration is told."""
    theirs = listing()
    theirs["Net_Weights.A_V1"]["url"] = "http://example.org/a.pth"
    meant = {("Net_Weights.A_V1", "url"): "ours is https"}

    assert [] == tool.compare("peer", theirs, listing(), meant)
    (settled,) = tool.compare("peer", listing(), listing(), meant)
    assert ("settled", "Net_Weights.A_V1", "url") == settled[1:4]


def test_command_fails_on_a_difference_and_prints_json(tool, monkeypatch, capsys):
    """Exit status 1, so that a scheduled run is noticed; 0 when nothing differs."""
    theirs = listing()
    theirs["new_net"] = {"weights": []}
    monkeypatch.setattr(tool, "MEANT", {"peer": {}})

    monkeypatch.setattr(tool, "PEERS", {"peer": (lambda: theirs, listing)})
    assert 1 == tool.main(["--json"])
    (told,) = json.loads(capsys.readouterr().out)
    assert ("peer", "added", "new_net") == (told["peer"], told["kind"], told["name"])

    monkeypatch.setattr(tool, "PEERS", {"peer": (listing, listing)})
    assert 0 == tool.main([])
    assert "Nothing differs" in capsys.readouterr().out


@pytest.mark.parametrize("peer", ["torchvision", "torchaudio"])
def test_doctored_release_is_noticed(tool, peer):
    """A fact that the installed peer changes, of any of its weights, is told as that."""
    pytest.importorskip(peer)
    theirs = tool.PEERS[peer][0]()
    name = next(name for name, facts in theirs.items() if "url" in facts)
    doctored = {key: dict(facts) for key, facts in theirs.items() if key != name}
    doctored["NEW_V1"] = doctored[name + "_V9"] = {"url": "https://example.org/new"}

    told = tool.compare(peer, doctored, theirs, {})
    assert {("added", "NEW_V1"), ("added", f"{name}_V9"), ("removed", name)} == {
        each[1:3] for each in told
    }


@pytest.mark.parametrize("peer", ["torchvision", "torchaudio"])
def test_installed_peer_differs_only_where_it_is_meant(tool, peer):
    """Every builder, every set of weights, URL, metric, parameter, category and label."""
    pytest.importorskip(peer)
    theirs, ours = (listing() for listing in tool.PEERS[peer])

    assert [] == tool.compare(peer, theirs, ours, tool.MEANT[peer])
