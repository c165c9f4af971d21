"""Each distribution installs alone, from its wheel, with what it declares and nothing more."""

from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
LISTING = "import dapi, json; print(json.dumps(dapi.list_models()))"

WORKS = {
    "dapi-vision": """
        import dapi, json, torch
        model = dapi.get_model("resnet20").eval()
        preprocess = dapi.weights_of(model).transforms()
        image = torch.zeros(1, 8, 8, dtype=torch.uint8)
        print(json.dumps(list(model(preprocess(image)[None]).shape)))
    """,
    "dapi-text": """
        import dapi, json, torch
        model = dapi.get_model("roberta_base", weights=None, num_hidden_layers=1, hidden_size=12)
        ids = torch.tensor([[0, 5, 2]])
        print(json.dumps(list(model(ids).last_hidden_state.shape)))
    """,
    "dapi-audio": """
        import dapi, json, torch
        model = dapi.get_model("tacotron2", weights=None, n_symbol=38)
        print(json.dumps([model.embedding.num_embeddings]))
    """,
}
EXPECTED = {"dapi-vision": [1, 10], "dapi-text": [1, 3, 12], "dapi-audio": [38]}


def test_core_alone_needs_no_framework(environment, wheels):
    """dapi-core brings neither torch nor numpy, lists nothing, and says who has resnet50."""
    needed = environment.borrow("dapi-core")
    environment.install(wheels["dapi-core"])

    assert needed <= {"platformdirs", "pluggy", "tqdm"}
    assert [] == environment.run(LISTING)
    shown = environment.dapi("show", "resnet50")
    assert shown.returncode == 1
    assert "pip install dapi-vision" in shown.stderr


def test_core_alone_says_what_to_install_for_locks(environment, wheels):
    """Every command of dapi-lock, and what needs it: the distribution is named, as a command."""
    environment.borrow("dapi-core")
    environment.install(wheels["dapi-core"])
    commands = ("lock", "sync", "bundle", "unbundle", "audit", "sign", "sbom", "card")

    shown = {word: environment.dapi(word) for word in commands}
    needing = [environment.dapi("verify", *words) for words in (("--lock",), ("--signed-by", "x"))]

    assert dict.fromkeys(commands, 2) == {word: done.returncode for word, done in shown.items()}
    assert [1, 1] == [done.returncode for done in needing]
    for done in (*shown.values(), *needing):
        assert "pip install" in done.stderr and "dapi-lock" in done.stderr


@pytest.mark.parametrize("name", WORKS)
def test_domain_installs_alone(environment, wheels, name):
    """A domain's wheel and what it requires are enough to list its models and to build one."""
    needed = environment.borrow(name)
    environment.install(wheels["dapi-core"], wheels[name])
    others = {"dapi-vision": "torchaudio", "dapi-text": "torchaudio", "dapi-audio": "torchvision"}

    assert others[name] not in needed
    models = environment.run(LISTING)
    assert models
    assert EXPECTED[name] == environment.run(WORKS[name])
    assert 0 == environment.dapi("doctor").returncode


NETS = '''
"""A family of one net."""

from dapi import WeightEntry, Weights, register_model


class {enum}(Weights):
    """Weights of ``{net}``."""

    Plants_RefV1 = WeightEntry(
        "https://example.org/{net}.safetensors",
        meta={{
            "task": "tabular-classification",
            "license": "MIT",
            "num_params": 10,
            "datasets": ["Plants"],
            "metrics": [],
            "recipe": "unknown",
            "hash_source": "not published: trusted on first use",
        }},
        latest=True,
    )


@register_model(weights={enum})
def {net}(*, weights=None, progress=True):
    """Build a net."""
    from torch.nn import Linear

    return Linear(4, 2)
'''
PYPROJECT = """
[build-system]
requires = ["{backend}"]
build-backend = "{module}"

[project]
name = "{name}"
version = "1.0"

[project.entry-points."dapi.models"]
{net} = "{package}.nets:{net}"

[project.entry-points."dapi.weights"]
{net} = "{package}.nets:{enum}"

[tool.hatch.build]
dev-mode-exact = {exact}
"""
BACKENDS = {"hatchling": "hatchling.build", "setuptools": "setuptools.build_meta"}
OPTIONS = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
INSTALLS = ("wheel", "editable", "strict", "zip", "target")


def install(environment, folder, backend, kind):
    """Install a small distribution in one of the ways that there are; return its name."""
    net = f"{backend}_{kind}_net"
    facts = {"net": net, "package": f"acme_{backend}_{kind}", "enum": f"{net.title()}Weights"}
    name = facts["package"].replace("_", "-")
    project = folder / name
    package = project / "src" / facts["package"]
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text(NETS.format(**facts))
    exact = str(kind == "strict").lower()
    (project / "pyproject.toml").write_text(
        PYPROJECT.format(backend=backend, module=BACKENDS[backend], name=name, exact=exact, **facts)
    )
    commands = {
        "wheel": ("install", project),
        "editable": ("install", "--editable", project),
        "strict": ("install", "--editable", project, *_STRICT.get(backend, ())),
        "zip": ("wheel", "--wheel-dir", folder / "zips", project),
        "target": ("install", "--target", folder / "target", project),
    }
    environment.pip(commands[kind][0], *OPTIONS, *commands[kind][1:])
    return name


_STRICT = {"setuptools": ("--config-settings", "editable_mode=strict")}


def test_models_are_found_however_they_are_installed(environment, wheels, tmp_path):
    """Wheel, editable, strictly so, in a zip or a folder, by two backends: listed, and conform."""
    environment.borrow("dapi-core", "dapi-devkit", "hatchling", "editables", "setuptools")
    environment.install(wheels["dapi-core"], wheels["dapi-devkit"])
    names = [
        install(environment, tmp_path, backend, kind) for backend in BACKENDS for kind in INSTALLS
    ]
    path = ":".join(map(str, [tmp_path / "target", *(tmp_path / "zips").glob("*.whl")]))

    found = environment.run(
        """
        import dapi, json, subprocess, sys
        answers = {p.name: p.state for p in dapi.plugins() if p.name.startswith("acme")}
        nets = [name for name in dapi.list_models() if dapi.get_builder(name)]
        options = [f"--dapi-conformance={name}" for name in answers]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        suite = subprocess.run(command, capture_output=True, text=True)
        print(json.dumps([answers, nets, suite.returncode, suite.stdout]))
        """,
        PYTHONPATH=path,
    )

    assert dict.fromkeys(sorted(names), "ok") == found[0]
    assert len(names) == len(found[1])
    assert 0 == found[2], found[3]


@pytest.mark.parametrize(
    ("core", "domain"), [("wheel", "editable"), ("editable", "wheel"), ("editable", "editable")]
)
def test_wheel_and_editable_installs_mix(environment, wheels, tmp_path, core, domain):
    """However core and a domain are installed, both are found."""
    environment.borrow("dapi-core", "lazy-loader", "hatchling", "editables")
    for name, kind in (("dapi-core", core), ("dapi-vision", domain)):
        if kind == "wheel":
            environment.install(wheels[name])
        else:
            options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
            environment.pip("install", *options, "--editable", PACKAGES / name)

    code = """
        import dapi, dapi.vision, json
        print(json.dumps(str(dapi.get_weights("resnet20:Digits_RefV2"))))
    """
    assert "resnet50" in environment.run(LISTING)
    assert "resnet20:Digits_RefV2" == environment.run(code)
