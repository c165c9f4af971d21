"""Discovery: what is advertised, read without importing anything."""

import os
import shutil
import sys
from pathlib import Path

import pytest

import dapi
from dapi import catalog, plugins
from dapi._plugins import metadata as _metadata
from dapi._plugins.discovery import extension
from dapi.catalog import entry_points
from dapi.exceptions import AmbiguousExtensionError, PluginLoadError, PluginWarning

MODELS = "[dapi.models]\nnet = {module}:net\n"


def names(group="dapi.models"):
    return [(point.distribution, point.name) for point in entry_points(group)]


def find(name):
    return next((plugin for plugin in plugins() if plugin.name == name), None)


def test_entry_points_are_read_without_importing(advertise):
    """A module that ends the process is listed like any other."""
    advertise("acme", MODELS.format(module="acme_exits"), acme_exits="raise SystemExit(3)")

    assert ("acme", "net") in names()
    assert "acme_exits" not in sys.modules


@pytest.mark.parametrize("listing", [lambda: entry_points("dapi.models"), catalog.builders])
def test_changed_list_changes_no_later_answer(advertise, listing):
    """What was derived from a scan is kept; a tool that sorts or empties its list has a copy."""
    advertise("acme", MODELS.format(module="acme_models"), acme_models="")
    before = [(each.distribution, each.name) for each in listing()]
    listing().clear()

    assert ("acme", "net") in before
    assert before == [(each.distribution, each.name) for each in listing()]


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import absent_module", "1/0"])
def test_loading_what_fails_keeps_the_cause(advertise, body):
    """Whatever an import raises becomes one error, with its cause; plugins() tells it."""
    advertise("acme-fails", MODELS.format(module="acme_fails"), acme_fails=body)
    point = next(
        point for point in entry_points("dapi.models") if point.distribution == "acme-fails"
    )

    with pytest.raises(PluginLoadError, match="acme-fails could not be loaded") as caught:
        point.load()
    assert caught.value.__cause__ is not None
    assert "failed" == find("acme-fails").state


def test_distributions_without_our_groups_are_no_plugins(advertise):
    """Who advertises nothing to dapi is not listed."""
    advertise("stranger", "[console_scripts]\nx = y:z\n")

    assert find("stranger") is None


def test_version_and_name_come_from_the_directory(advertise):
    """A distribution whose METADATA is damaged is listed all the same."""
    metadata = advertise("Acme-Tools", MODELS.format(module="m"), version="1.2rc1")
    (metadata / "METADATA").unlink()

    assert ("acme-tools", "1.2rc1", ("net",)) == (
        find("acme-tools").name, find("acme-tools").version, find("acme-tools").models,
    )  # fmt: skip


def test_stale_egg_info_beside_dist_info_hides_nothing(advertise):
    """An egg-info without entry points, first on the path, does not hide the installed models."""
    advertise("acme", MODELS.format(module="m"), folder="installed")
    advertise("acme", "", folder="source", kind="egg-info")

    assert ("acme", "net") in names()
    assert "shadowed" == find("acme").state
    assert "acme.egg-info" in find("acme").reason


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True)])
def test_installed_copy_counts_in_whatever_order_a_directory_is_read(advertise, order, monkeypatch):
    """Of one directory an egg-info is the stale one, whatever it advertises and its version."""
    stale = advertise("acme", "[dapi.models]\nstale = m:stale\n", kind="egg-info")
    stale.rename(stale.with_name("acme-9.0.egg-info"))
    advertise("acme", "[dapi.models]\nnew = m:new\n", version="2.0")
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: order(listdir(folder)))

    assert [("acme", "new")] == [found for found in names() if found[0] == "acme"]


def test_first_copy_on_the_path_wins(advertise):
    """Of two copies that both advertise, the one that Python would import counts."""
    advertise("acme", "[dapi.models]\nold = m:old\n", version="1.0", folder="second")
    advertise("acme", "[dapi.models]\nnew = m:new\n", version="2.0", folder="first")

    assert [("acme", "new")] == [found for found in names() if found[0] == "acme"]
    assert "2.0" == find("acme").version


@pytest.mark.parametrize("listing", [sorted, lambda names: sorted(names, reverse=True)])
def test_newest_copy_of_a_directory_counts(advertise, listing, monkeypatch):
    """An upgrade that left the old metadata behind: the code is the new one's."""
    advertise("acme", "[dapi.models]\nold = m:old\n", version="9.0")
    advertise("acme", "[dapi.models]\nnew = m:new\n", version="10.0")
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listing(listdir(folder)))

    assert [("acme", "new")] == [found for found in names() if found[0] == "acme"]
    assert ("10.0", "shadowed") == (find("acme").version, find("acme").state)


@pytest.mark.parametrize("layout", ["module", "package", "one directory", "editable"])
def test_imported_copy_is_described_though_it_advertises_nothing(
    advertise, tmp_path, monkeypatch, layout
):
    """A newer version without entry points is the one that would be imported: it has no models."""
    points = MODELS.format(module="acme_code.nets" if layout == "package" else "acme_code")
    newer = "site" if layout == "one directory" else "first"
    advertise("acme", points, version="1.0", acme_code="net = 1\n")
    advertise("acme", "", version="2.0", folder=newer)
    if layout == "module":
        (tmp_path / newer / "acme_code.py").touch()
    elif layout == "package":
        (tmp_path / newer / "acme_code").mkdir()
        (tmp_path / newer / "acme_code" / "__init__.py").touch()
    elif layout == "editable":
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "acme_code.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path / "source"))

    found = find("acme")
    assert ("acme", "net") not in names()
    assert ("2.0", "shadowed", ()) == (found.version, found.state, found.models)
    assert "acme-1.0.dist-info" in found.reason


def test_damaged_entry_points_fail_alone(advertise):
    """A file that cannot be parsed makes its own distribution fail, and no other."""
    advertise("acme-broken", "[dapi.models\nnot = = a file\n", folder="broken")
    advertise("acme-fine", MODELS.format(module="m"), folder="fine")

    assert ("acme-fine", "net") in names()
    assert "failed" == find("acme-broken").state
    assert "entry_points.txt" in find("acme-broken").reason


def test_undecodable_entry_points_fail_alone(advertise):
    """A file in another encoding is listed with its reason, and hides nothing."""
    metadata = advertise("acme-latin", "", folder="latin")
    (metadata / "entry_points.txt").write_bytes(b"[dapi.models]\nn\xe9t = m:net\n")
    advertise("acme-fine", MODELS.format(module="m"), folder="fine")

    assert ("acme-fine", "net") in names()
    assert "failed" == find("acme-latin").state


def test_discover_sees_a_new_directory(advertise):
    """What is put on the path later is found; without a change the answer is kept."""
    before = catalog.plugins()
    assert before is catalog.plugins()
    advertise("acme-late", MODELS.format(module="m"))

    assert find("acme-late") is not None


def test_extension_is_loaded_by_its_key_alone(advertise):
    """Only the extension that is asked for is imported."""
    advertise(
        "acme-formats",
        "[dapi.formats]\nstack = acme_stack:read\nonnx = acme_onnx:read\n",
        acme_stack="def read(path): ...\n",
        acme_onnx="raise SystemExit",
    )

    assert "read" == extension("dapi.formats", "stack").__name__
    assert extension("dapi.formats", "absent") is None
    assert "acme_onnx" not in sys.modules


def test_extension_of_two_distributions_is_refused(advertise):
    """Which of two is meant is never decided silently."""
    advertise("acme-a", "[dapi.schemes]\ns3 = m:f\n", folder="a")
    advertise("acme-b", "[dapi.schemes]\ns3 = m:f\n", folder="b")

    with pytest.raises(AmbiguousExtensionError, match="acme-a and by acme-b"):
        extension("dapi.schemes", "s3")


def test_preferred_distribution_decides(advertise, monkeypatch):
    """Who says whom to prefer gets no error; of those that are named, the first counts."""
    for name in ("acme-a", "acme-b"):
        module = name.replace("-", "_")
        source = f"def opener(url):\n    return {name!r}\n"
        points = f"[dapi.schemes]\ns9 = {module}:opener\n"
        advertise(name, points, folder=name, **{module: source})

    monkeypatch.setenv("DAPI_PREFER", "acme-b,acme-a")
    assert "acme-b" == extension("dapi.schemes", "s9")("")


def test_name_in_a_variable_that_matches_nothing_is_told_once(advertise, monkeypatch):
    """A typo in a list of distributions is heard, with the nearest name."""
    advertise("acme-models", MODELS.format(module="m"))
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-modles")

    with pytest.warns(PluginWarning, match="in DAPI_DISABLE_PLUGINS.*Did you mean 'acme-models'"):
        names()
    assert ("acme-models", "net") in names("dapi.models")
    assert [] == names("dapi.absent")


def test_archive_on_the_path_is_read(advertise, tmp_path, monkeypatch):
    """A zip holds metadata and modules as a directory does."""
    advertise("acme-zipped", MODELS.format(module="acme_zipped"), acme_zipped="net = 5\n")
    archive = shutil.make_archive(str(tmp_path / "site"), "zip", tmp_path / "site")
    monkeypatch.setattr(sys, "path", [archive, *sys.path[1:]])

    assert ("ok", ("net",)) == (find("acme-zipped").state, find("acme-zipped").models)
    (point,) = [p for p in entry_points("dapi.models") if p.distribution == "acme-zipped"]
    assert 5 == point.load()
    sys.modules.pop("acme_zipped")


def test_only_metadata_of_who_advertises_is_opened(advertise, monkeypatch):
    """Listing opens no METADATA; plugins() opens that of plugins only."""
    opened = []
    read = _metadata._read
    monkeypatch.setattr(
        _metadata, "_read",
        lambda location, name: opened.append((Path(location).name, name)) or read(location, name),
    )  # fmt: skip
    advertise("stranger", "[console_scripts]\nx = y:z\n", folder="a")
    advertise("acme", MODELS.format(module="m"), folder="b")

    names()
    assert {"entry_points.txt"} == {name for _, name in opened}
    plugins()
    described = {folder for folder, name in opened if name == "METADATA"}
    assert "acme-1.0.dist-info" in described and "stranger-1.0.dist-info" not in described


@pytest.mark.usefixtures("forget_registered")
def test_repeated_listing_is_cheap(advertise):
    """Ten thousand models are not gone through again, as long as nothing changes."""
    points = "".join(f"net{number} = m:f\n" for number in range(10_000))
    advertise("acme-many", f"[dapi.models]\n{points}")
    assert 10_000 <= len(dapi.list_models())

    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame) if event == "call" else None)
    dapi.list_models()
    sys.setprofile(None)
    assert len(calls) < 200


@pytest.mark.usefixtures("forget_registered")
def test_repeated_look_up_of_weights_is_cheap(advertise, template):
    """The path is looked at once, and the weights of all other models are not gone through."""
    source = template.format(enum="ManyWeights", name="many0", module="acme_many", known_as=())
    names = [f"many{number}" for number in range(1_000)]
    points = "[dapi.models]\n" + "".join(f"{name} = acme_many:many0\n" for name in names)
    points += "[dapi.weights]\n" + "".join(f"{name} = acme_many:ManyWeights\n" for name in names)
    advertise("acme-many", points, acme_many=source)
    dapi.get_weights("many0:First_RefV1")

    costs = [cost_of(dapi.get_weights, "many0:First_RefV1") for _ in range(3)]
    sys.modules.pop("acme_many")
    calls, stats = min(costs)  # another process may write into a directory of the path meanwhile
    assert calls < 200
    assert stats <= len(sys.path)


def cost_of(function, *arguments):
    """How many Python functions a call enters, and how often it asks for a file's status."""
    events = []
    sys.setprofile(lambda _, event, what: events.append((event, what)))
    function(*arguments)
    sys.setprofile(None)
    return [event for event, _ in events].count("call"), events.count(("c_call", os.stat))
