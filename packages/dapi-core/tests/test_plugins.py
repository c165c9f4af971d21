"""States of distributions: each with its reason and its remedy, and nothing imported."""

import sys
from importlib import import_module, metadata

import pytest

import _dapi_owners
import dapi
from dapi.exceptions import (
    DisabledModelError,
    IncompatiblePluginError,
    PluginLoadError,
    UnknownModelError,
)

CORE = metadata.version("dapi-core")


@pytest.fixture
def acme(advertise, forget_registered):
    """A distribution whose import would end the process."""

    def add(name="acme", **options):
        module = f"{name.replace('-', '_')}_exits"
        points = f"[dapi.models]\n{name.replace('-', '_')}_net = {module}:net\n"
        return advertise(name, points, folder=name, **{module: "raise SystemExit(3)"}, **options)

    return add


def find(name="acme"):
    return next((plugin for plugin in dapi.plugins() if plugin.name == name), None)


def test_sound_distribution_is_ok(acme):
    """Requirements that are met, that do not apply here, and that are extras, leave it ok."""
    acme(requires=[f"dapi-core=={CORE}", "absent; extra == 'x'", "other; os_name == 'odd'"])

    assert ("ok", "", "", ("acme_net",)) == find()[3:]


@pytest.mark.parametrize("requirement", ["dapi-core>=99", "dapi_core[torch] (<0.0.1)"])
def test_incompatible_names_both_versions_and_the_command(acme, requirement):
    """Nothing of it is imported, by whoever asks."""
    acme(version="1.2", requires=[requirement])

    info = find()
    assert ("incompatible", "pip install --upgrade acme dapi-core") == (info.state, info.remedy)
    assert "1.2" in info.reason and CORE in info.reason
    with pytest.raises(
        IncompatiblePluginError, match=f"acme 1.2 requires dapi-core.*{CORE} is inst"
    ):
        dapi.get_builder("acme_net")
    assert "acme_exits" not in sys.modules


def test_missing_dependency_is_told_with_its_specifier(acme):
    """What is not installed, and what is too old, each as a requirement to install."""
    acme("acme-absent", requires=["absent-thing>=2; python_version > '3'"])
    acme("acme-old", requires=["pytest>=999"])

    absent, old = find("acme-absent"), find("acme-old")
    assert ("missing-dependency", "pip install 'absent-thing>=2'") == (absent.state, absent.remedy)
    assert "missing-dependency" == old.state
    assert f"pytest {metadata.version('pytest')} is installed" in old.reason


def test_missing_dependency_of_an_extra_is_told(acme):
    """``acme-core[gpu]`` is not there as long as what its extra needs is not."""
    acme("acme-core", requires=["absent-gpu>=1; extra == 'gpu'"])
    acme(requires=["acme-core[gpu]"])

    assert "ok" == find("acme-core").state
    assert "pip install 'absent-gpu>=1'" == find().remedy


def test_failure_is_forgotten_when_it_loads(acme, advertise):
    """A state says what is now: an import that succeeds mends it."""
    advertise("acme", "[dapi.formats]\nx = acme_mended:read\n", folder="acme")
    point = next(each for each in dapi.catalog.entry_points("dapi.formats") if each.name == "x")

    with pytest.raises(PluginLoadError):
        point.load()
    assert ("failed", "pip uninstall acme") == (find().state, find().remedy)
    assert "ModuleNotFoundError" in find().reason
    module = sys.modules["acme_mended"] = type(sys)("acme_mended")
    module.read = print
    assert print is point.load()
    assert "ok" == find().state
    del sys.modules["acme_mended"]


def test_disabled_distribution_is_not_listed(acme, monkeypatch):
    """Asking for its model says by which variable; its name may be spelt in any way."""
    acme("acme-one")
    acme("acme-two")
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", " Acme_One ,")

    assert [] == dapi.list_models("acme_one*")
    assert ["acme_two_net"] == dapi.list_models("acme*")
    assert ("disabled", "DAPI_DISABLE_PLUGINS leaves it out") == find("acme-one")[3:5]
    with pytest.raises(DisabledModelError, match="remove it from DAPI_DISABLE_PLUGINS"):
        dapi.get_builder("acme_one_net")


def test_disabled_weights_are_no_disabled_model(advertise, monkeypatch):
    """Who offers weights for a model that is not installed cannot give it, disabled or not."""
    advertise("acme-offers", "[dapi.weights]\nabsent_net = acme_offers:OfferWeights\n")
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-offers")

    with pytest.raises(UnknownModelError) as caught:
        dapi.get_builder("absent_net")
    assert UnknownModelError is type(caught.value)
    with pytest.raises(DisabledModelError):
        dapi.get_weights("acme-offers/absent_net:A_RefV1")


def test_allow_list_lets_in_what_it_names(acme, monkeypatch):
    """Empty, it is the safe mode: nothing is listed, and nothing is imported."""
    acme("acme-one")
    acme("acme-two")
    monkeypatch.setenv("DAPI_PLUGINS", "acme-one")
    assert ["acme_one_net"] == dapi.list_models()
    with pytest.raises(DisabledModelError, match="add it to DAPI_PLUGINS"):
        dapi.get_builder("acme-two/acme_two_net")

    monkeypatch.setenv("DAPI_PLUGINS", "")
    assert [] == dapi.list_models()
    assert {"disabled"} == {plugin.state for plugin in dapi.plugins()}


@pytest.mark.parametrize("lost", ["~cme-1.0.dist-info", ".dist-info", "-1.0.dist-info"])
def test_leftovers_of_an_installation_double_nothing(acme, tmp_path, lost):
    """What an interrupted pip renamed is told, and its models are those of nobody."""
    kept = acme()
    folder = kept.parent / lost
    folder.mkdir()
    (folder / "entry_points.txt").write_text((kept / "entry_points.txt").read_text())

    assert ["acme_net"] == dapi.list_models("acme*")
    (told,) = [plugin for plugin in dapi.plugins() if plugin.location == str(folder)]
    assert ("failed", f"Remove {folder}") == (told.state, told.remedy)


def test_missing_metadata_is_told(acme):
    """It lists and builds all the same."""
    (acme() / "METADATA").unlink()

    assert ["acme_net"] == dapi.list_models("acme*")
    assert ("failed", "its METADATA is missing, or cannot be read") == find()[3:5]


def test_undecodable_metadata_fails_alone(acme, advertise):
    """An author's name in Latin-1 stops neither the others nor its own models."""
    points = "[dapi.models]\nlatin = json:loads\n[dapi.weights]\nlatin = acme_latin:LatinWeights\n"
    source = "import dapi\nclass LatinWeights(dapi.Weights): ...\n"
    metadata = advertise("acme-latin", points, folder="latin", acme_latin=source)
    (metadata / "METADATA").write_bytes("Name: acme-latin\nAuthor: André\n".encode("latin-1"))
    acme()

    assert ("failed", "its METADATA is missing, or cannot be read") == find("acme-latin")[3:5]
    assert "ok" == find().state
    assert [] == dapi.list_weights("latin")
    del sys.modules["acme_latin"]


def test_linked_folder_is_no_second_copy(acme, tmp_path, monkeypatch):
    """lib64 leads to lib in many environments, and both are on the path."""
    acme()
    (tmp_path / "lib64").symlink_to(tmp_path / "acme")
    monkeypatch.syspath_prepend(str(tmp_path / "lib64"))

    assert ("ok", ["acme_net"]) == (find().state, dapi.list_models("acme*"))


def test_refresh_tells_what_came_and_went(acme, tmp_path):
    """Also what was rewritten in place, which no time of a directory shows."""
    dapi.refresh()
    folder = acme()
    acme("acme-two")
    assert (("acme", "acme-two"), (), ()) == dapi.refresh()

    (folder / "entry_points.txt").write_text("[dapi.models]\nother_net = m:f\n")
    assert ["acme_net"] == dapi.list_models("*_net", distribution="acme")
    (tmp_path / "acme-two" / "acme_two-1.0.dist-info").rename(tmp_path / "gone")
    assert ((), ("acme-two",), ("acme",)) == dapi.refresh()
    assert ["other_net"] == dapi.list_models("*_net", distribution="acme")


def test_refresh_finds_first_party_distributions_in_new_directories(tmp_path, monkeypatch):
    """What is installed below ``dapi/`` elsewhere than core is imported from then on."""
    monkeypatch.setattr(dapi, "__path__", list(dapi.__path__))
    (tmp_path / "dapi" / "made").mkdir(parents=True)
    (tmp_path / "dapi" / "made" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError):
        import_module("dapi.made")

    dapi.refresh()
    assert import_module("dapi.made").__file__.startswith(str(tmp_path))
    del sys.modules["dapi.made"], dapi.made


def test_record_that_cannot_be_read_is_passed_over(acme):
    """It keeps neither ``refresh`` nor the search for a second owner of the package from others."""
    (acme("acme-latin") / "RECORD").write_bytes("andré.py,,\n".encode("latin-1"))
    (acme("acme-torn") / "RECORD").write_text("one,two,three,four,five\n")
    stranger = acme("stranger")
    (stranger / "RECORD").write_text("dapi/__init__.py,,\n")
    (stranger.parent / "dapi").mkdir()
    (stranger.parent / "dapi" / "__init__.py").touch()  # Python 3.12 lists only what is there
    nameless = acme("acme-lost")
    (nameless / "RECORD").write_text("dapi/__init__.py,,\n")
    (nameless / "METADATA").unlink()

    assert "stranger" in dapi.refresh().added
    assert ["stranger"] == _dapi_owners.other_owners()


def test_refresh_forgets_failures(advertise):
    """What failed may have been mended since."""
    advertise("acme", "[dapi.models]\nnet = acme_absent:net\n")
    with pytest.raises(PluginLoadError):
        dapi.get_builder("acme/net")

    assert "failed" == find().state
    dapi.refresh()
    assert "ok" == find().state
