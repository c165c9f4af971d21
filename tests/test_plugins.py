"""Third parties: real small distributions, built and installed, that get in each other's way."""

import itertools
import json

import pytest

FAMILY = """
    from dapi import WeightEntry, Weights, register_model

    class {enum}(Weights):
        {dataset}_RefV1 = WeightEntry("https://example.org/{enum}.pth", latest=True)

    @register_model(weights={enum})
    def fancynet(*, weights=None, progress=True, **config):
        return __name__
"""
ASK = """
    import dapi, json
    answers = {"models": dapi.list_models(), "plugins": [p.name for p in dapi.plugins()]}
    for name in ("fancynet", "acme-one/fancynet", "acme-two/fancynet"):
        try:
            answers[name] = dapi.get_builder(name)()
        except dapi.exceptions.DapiError as error:
            answers[name] = str(error)
    print(json.dumps(answers))
"""


@pytest.fixture
def family(make_distribution):
    """Build a distribution with a builder ``fancynet``."""

    def make(name):
        module = name.replace("-", "_")
        enum = f"{module.title().replace('_', '')}Weights"
        points = {
            "dapi.models": {"fancynet": f"{module}:fancynet"},
            "dapi.weights": {"fancynet": f"{module}:{enum}"},
        }
        source = FAMILY.format(enum=enum, dataset="Plants")
        return make_distribution(name, entry_points=points, **{module: source})

    return make


@pytest.fixture
def core(environment, wheels):
    """An environment with dapi-core's wheel and what that needs."""
    environment.borrow("dapi-core")
    environment.install(wheels["dapi-core"])
    return environment


def test_one_name_of_two_distributions_is_the_same_error_everywhere(core, family, tmp_path):
    """Whatever the hash seed and the path: the bare name is refused, qualified ones work."""
    folders = []
    for name in ("acme-one", "acme-two"):
        folders.append(tmp_path / name)
        core.pip("install", "--no-index", "--no-deps", "-q", "--target", folders[-1], family(name))

    answers = [
        core.run(ASK, PYTHONHASHSEED=seed, PYTHONPATH=":".join(map(str, order)))
        for seed, order in itertools.product("012", itertools.permutations(folders))
    ]

    assert 1 == len({json.dumps(answer) for answer in answers})
    assert ["acme-one/fancynet", "acme-two/fancynet"] == answers[0]["models"]
    assert "'acme-one/fancynet' or 'acme-two/fancynet'" in answers[0]["fancynet"]
    assert "acme_two" == answers[0]["acme-two/fancynet"]


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "import absent_framework", "1 / 0"])
def test_broken_distribution_hides_nothing(core, family, make_distribution, body):
    """Others list and build; asking for the broken one's model raises the cause; doctor tells."""
    points = {"dapi.models": {"broken_net": "acme_broken:broken_net"}}
    broken = make_distribution("acme-broken", entry_points=points, acme_broken=body)
    core.install(family("acme-one"), broken)

    answers = core.run("""
        import dapi, json
        answers = [dapi.list_models(), dapi.get_builder("fancynet")()]
        for name in ("broken_net", "broken_nets"):
            try:
                dapi.get_builder(name)
            except dapi.exceptions.DapiError as error:
                answers.append([type(error).__name__, type(error.__cause__).__name__])
        print(json.dumps(answers))
    """)

    assert [["broken_net", "fancynet"], "acme_one"] == answers[:2]
    assert "PluginLoadError" == answers[2][0]
    assert ["UnknownModelError", "NoneType"] == answers[3]
    doctor = core.dapi("doctor")
    assert doctor.returncode == 1
    assert "pip uninstall acme-broken" in doctor.stdout


def test_stale_egg_info_is_told_and_hides_nothing(core, family):
    """What a source checkout left beside an installation does not make models vanish."""
    core.install(family("acme-one"))
    stale = core.site / "acme_one.egg-info"
    stale.mkdir()
    (stale / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: acme-one\nVersion: 0.1\n")
    (stale / "entry_points.txt").write_text("[dapi.models]\nstale_net = acme_one:stale_net\n")

    assert ["fancynet"] == core.run("import dapi, json; print(json.dumps(dapi.list_models()))")
    report = json.loads(core.dapi("doctor", "--json").stdout)
    assert "shadowed" == report["plugins"][0]["state"]
    assert "acme_one.egg-info" in report["problems"][0]["what"]


def test_weights_for_the_builder_of_another_distribution(core, family, make_distribution):
    """An enum that names somebody else's builder is listed with it, and the builder takes it."""
    source = FAMILY.format(enum="MoreWeights", dataset="Birds").split("@register_model")[0]
    points = {"dapi.weights": {"fancynet": "acme_more:MoreWeights"}}
    more = make_distribution("acme-more", entry_points=points, acme_more=source)
    core.install(family("acme-one"), more)

    answers = core.run("""
        import dapi, json
        names = [str(weights) for weights in dapi.list_weights("fancynet")]
        birds = dapi.get_weights("fancynet:Birds_RefV1")
        builder = dapi.get_builder("fancynet")
        builder.__dapi_builder__.check_weights(birds, builder)
        try:
            birds.fetch()
        except OSError as error:
            asked = error.url
        latest = builder.__dapi_builder__.weights[0].get_latest()
        print(json.dumps([names, str(birds), asked, str(latest)]))
    """)

    assert [
        ["fancynet:Plants_RefV1", "fancynet:Birds_RefV1"],
        "fancynet:Birds_RefV1",
        "https://example.org/MoreWeights.pth",
        "fancynet:Plants_RefV1",
    ] == answers


@pytest.mark.parametrize(
    "body", ["", "raise ImportError('a stranger')", "import absent_thing"], ids=str
)
def test_stranger_that_overwrites_the_package_is_named(core, make_distribution, wheels, body):
    """The command starts, names who overwrote dapi/__init__.py, and its repair repairs."""
    core.install(make_distribution("stranger", entry_points={}, **{"dapi/__init__": body}))

    broken = core.dapi("list")
    assert broken.returncode == 1
    assert "It was overwritten by: stranger." in broken.stderr
    assert "pip uninstall --yes stranger && pip install --force-reinstall" in broken.stderr
    core.pip("uninstall", "--yes", "--quiet", "stranger")
    core.pip("install", "--no-index", "--no-deps", "--force-reinstall", "-q", wheels["dapi-core"])
    assert 0 == core.dapi("list").returncode
