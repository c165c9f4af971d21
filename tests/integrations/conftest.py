"""Run the integrations, each example as a script; write docs/integrations.md.

``pytest tests/integrations`` runs them; a run of ``tests`` leaves them out, as they start Java,
servers and many processes.
"""

import os
import runpy
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
PAGES = runpy.run_path(str(HERE.parents[1] / "docs" / "generate_integrations.py"))


def pytest_addoption(parser):
    parser.addoption("--write-page", action="store_true", help="write docs/integrations.md")


def pytest_ignore_collect(collection_path, config):
    """Leave the directory out unless the command line names it, or a file in it."""
    named = (Path(each.partition("::")[0]).resolve() for each in config.args)
    return None if any(each == HERE or HERE in each.parents for each in named) else True


def pytest_collection_modifyitems(items):
    """Skip the modules whose library is not installed."""
    for item in items:
        name = getattr(getattr(item, "module", None), "DISTRIBUTION", None)
        if name and HERE in item.path.parents and not version(name):
            item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


class Script(NamedTuple):
    """The example of a module, in a file.

    Attributes:
        path: The file.
        environment: The variables of its process: those of an activated environment, offline.
    """

    path: Path
    environment: dict[str, str]


@pytest.fixture
def example_script(request, tmp_path):
    """Write the example of the module into a script."""
    script = tmp_path / "example.py"
    script.write_text(PAGES["read"](request.path).example)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {"PATH": path, "OMP_NUM_THREADS": "1", "DAPI_OFFLINE": "1"}
    return Script(script, {**os.environ, **variables})


@pytest.fixture
def run_example(example_script):
    """Run the example of the module in a process of its own; return its output."""

    def run(*, processes=1):
        spread = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        result = subprocess.run(
            [sys.executable, *(spread if processes > 1 else ()), example_script.path],
            cwd=example_script.path.parent,
            env=example_script.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert 0 == result.returncode, result.stdout + result.stderr
        return result.stdout

    return run


found = {}  # by module: the reports of its tests


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        found.setdefault((HERE / Path(report.fspath).name), []).append(report)


def pytest_collectreport(report):
    """Note a module that skips itself, or cannot be imported."""
    if report.outcome != "passed" and report.nodeid.endswith(".py"):
        found.setdefault((HERE / Path(report.nodeid).name), []).append(report)


def pytest_sessionfinish(session):
    if session.config.getoption("--write-page"):
        kept = PAGES["written"]()
        results = {module: result(module, kept) for module in PAGES["modules"]()}
        PAGES["PAGE"].write_text(PAGES["page"](results), "utf-8")


def result(module, kept):
    """Return what the reports of a module say; without any, what the page says."""
    reports, described = found.get(module, []), PAGES["read"](module)
    if not reports and described.name in kept:
        return kept[described.name]
    tried = described.distribution and f"{described.distribution} {version(described.distribution)}"
    failed = [each for each in reports if each.outcome == "failed"]
    expected = [each.wasxfail.removeprefix("reason: ") for each in reports if each_xfails(each)]
    skipped = [each for each in reports if each.outcome == "skipped" and not each_xfails(each)]
    if failed:
        return PAGES["Result"](tried, "does not work", crash(failed[0]))
    if not reports or len(skipped) == len(reports):
        reason = skipped[0].longrepr[2].removeprefix("Skipped: ") if skipped else "no test ran"
        return PAGES["Result"]("", "not tried", reason)
    if len(expected) == len(reports):
        return PAGES["Result"](tried, "does not work", expected[0])
    remarks = " ".join(filter(None, [described.remark, *expected]))
    return PAGES["Result"](tried, "works with a remark" if remarks else "works", remarks)


def each_xfails(report):
    return hasattr(report, "wasxfail")


def crash(report):
    """Return the first line of what went wrong."""
    reason = getattr(report.longrepr, "reprcrash", None)
    return str(reason.message if reason else report.longrepr).splitlines()[0].replace("|", "/")


def version(distribution):
    """Return the version of an installed distribution; empty if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
