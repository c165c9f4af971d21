"""Third parties: real small distributions, built and installed, that get in each other's way."""

import itertools
import json
import shutil
import sys

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
        for seed, order in itertools.product("0123456789", itertools.permutations(folders))
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
        ["fancynet:Plants_RefV1", "fancynet:acme-more/Birds_RefV1"],
        "fancynet:acme-more/Birds_RefV1",
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


COUNTING = """
    import builtins, time, dapi

    builtins.imports = getattr(builtins, "imports", 0) + 1
    listed = dapi.list_models()
    time.sleep(0.1)

    @dapi.register_model()
    def {name}(*, weights=None, **config):
        return builtins.imports, listed
"""
THREADS = """
    import dapi, json, sys, threading
    from concurrent.futures import ThreadPoolExecutor

    barrier = threading.Barrier(32)

    def ask(number):
        barrier.wait()
        builder = dapi.get_builder(f"net{number % 4}")
        return id(builder), builder(), dapi.list_models()

    with ThreadPoolExecutor(32) as pool:
        print(json.dumps([list(answer) for answer in pool.map(ask, range(32))]))
"""
FREE_THREADED = shutil.which("python3.14t") or shutil.which("python3.13t")


@pytest.mark.parametrize(
    "python",
    [
        sys.executable,
        pytest.param(
            FREE_THREADED,
            marks=pytest.mark.skipif(not FREE_THREADED, reason="no Python without a lock is here"),
        ),
    ],
    ids=["locked", "free-threaded"],
)
def test_threads_that_ask_at_once_import_once(core, make_distribution, python):
    """32 first questions at once, of families that list models while they are imported."""
    names = [f"net{number}" for number in range(4)]
    points = {"dapi.models": {name: f"acme_{name}:{name}" for name in names}}
    modules = {f"acme_{name}": COUNTING.format(name=name) for name in names}
    core.install(make_distribution("acme-nets", entry_points=points, **modules))

    if python != sys.executable:
        (core.path / "bin" / "python").unlink()
        (core.path / "bin" / "python").symlink_to(python)
    answers = core.run(THREADS, PYTHONPATH=str(core.site))

    assert [4] == sorted({imports for _, (imports, _), _ in answers})
    assert 4 == len({builder for builder, _, _ in answers})
    assert all(names == seen == listed for _, (_, seen), listed in answers)


def test_workers_list_and_build_the_same(core, family, tmp_path):
    """However a worker process is started, and though its parent registered nothing for it."""
    core.install(family("acme-one"))
    script = tmp_path / "workers.py"
    script.write_text("""
import json, multiprocessing
import dapi

def ask(parents):
    member = dapi.get_weights("fancynet:Plants_RefV1")
    return dapi.list_models(), dapi.get_builder("fancynet")(), member is parents

if __name__ == "__main__":
    member = dapi.get_weights("fancynet:Plants_RefV1")
    answers = []
    for kind in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(kind).Pool(2) as pool:
            answers += pool.map(ask, [member] * 2)
    print(json.dumps(answers))
""")

    answers = json.loads(core._run([core.python, script]).stdout)

    assert [[["fancynet"], "acme_one", True]] * 6 == answers


def test_refresh_sees_what_pip_does_meanwhile(core, family, make_distribution, tmp_path):
    """A wheel and an editable install are found and built; what was removed is gone."""
    core.borrow("hatchling", "editables")
    project = family("acme-two").parents[1] / "projects" / "acme-two"
    pip = [sys.executable, "-m", "pip", "--python", str(core.python)]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    steps = [
        ["install", *options, str(family("acme-one"))],
        ["install", *options, "--editable", str(project)],
        ["uninstall", "--quiet", "--yes", "acme-one"],
    ]

    answers = core.run(
        """
        import dapi, json, os, subprocess
        answers = [dapi.list_models()]
        for step in json.loads(os.environ["STEPS"]):
            subprocess.run(step, check=True, env={**os.environ, "PYTHONPATH": ""})
            answers.append([dapi.refresh()._asdict(), dapi.list_models()])
        answers.append(dapi.get_builder("fancynet")())
        print(json.dumps(answers))
        """,
        STEPS=json.dumps([[*pip, *step] for step in steps]),
    )

    nothing, wheel, editable, removed, built = answers
    assert ([], "acme_two") == (nothing, built)
    assert [{"added": ["acme-one"], "removed": [], "changed": []}, ["fancynet"]] == wheel
    assert ["acme-two"] == editable[0]["added"]
    assert ["acme-one/fancynet", "acme-two/fancynet"] == editable[1]
    assert [{"added": [], "removed": ["acme-one"], "changed": []}, ["fancynet"]] == removed


def test_incompatible_distribution_is_not_imported(core, family, make_distribution):
    """Its error names both versions and the command; doctor tells; others build."""
    points = {"dapi.models": {"old_net": "acme_old:net"}}
    old = make_distribution(
        "acme-old", entry_points=points, requires=("dapi-core<0.1",), acme_old="raise SystemExit"
    )
    core.install(family("acme-one"), old)

    asked = core.run("""
        import dapi, json
        try:
            dapi.get_model("old_net")
        except ImportError as error:
            print(json.dumps([str(error), dapi.get_builder("fancynet")()]))
    """)

    assert "acme-old 1.0 requires dapi-core<0.1, but dapi-core 0.1.0 is installed" in asked[0]
    assert asked[0].endswith("pip install --upgrade acme-old dapi-core")
    assert "acme_one" == asked[1]
    report = json.loads(core.dapi("doctor", "--json").stdout)
    assert ["incompatible", "ok"] == [plugin["state"] for plugin in report["plugins"]]


def test_safe_mode_imports_nothing(core, make_distribution):
    """With an empty DAPI_PLUGINS the command runs, whatever is installed."""
    points = {"dapi.commands": {"crash": "acme_crash:main"}, "dapi.models": {"net": "acme_crash:x"}}
    source = "import os\nos._exit(9)"
    core.install(make_distribution("acme-crash", entry_points=points, acme_crash=source))
    core.variables["DAPI_PLUGINS"] = ""

    assert 0 == core.dapi("list").returncode
    doctor = core.dapi("doctor")
    assert 1 == doctor.returncode
    assert "acme-crash" in doctor.stdout and "disabled" in doctor.stdout
