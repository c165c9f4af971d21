"""The documentation: scenarios run, examples give what they show, links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BUILT = {"weights.html"}  # pages that only the site has; docs/check_site.py checks links there
EXAMPLES_OF_TESTS = "integrations.md"  # tests/integrations run them
SHELL_PAGES = [page for page in PAGES if "```console" in page.read_text("utf-8")]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NO_NETWORK = """
import socket

def refuse(*args):
    raise OSError("the documentation reached for the network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


@pytest.fixture
def site(tmp_path):
    """A directory on the path of every process of a test; no process reaches the network."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    return folder


def run(site, *arguments, **variables):
    """Run Python in a process of its own; return what it did."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONPATH": path, **variables},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=120,
    )


def run_scenario(site, name):
    result = run(site, DOCS / "scenarios" / name, DAPI_OFFLINE="1")
    assert (0, "") == (result.returncode, result.stderr)
    return result.stdout


def blocks(page, language):
    return [text for name, text in FENCE.findall(page.read_text("utf-8")) if name == language]


def install(page, site):
    """Write the modules that a page shows, and a distribution with its entry points."""
    for text in blocks(page, "python"):
        header = re.match(r"# (acme_models/\w+\.py)\n", text)
        if header:
            (site / "acme_models").mkdir(exist_ok=True)
            (site / header[1]).write_text(text)
    groups = {}
    for text in blocks(page, "toml"):
        project = tomllib.loads(text).get("project", {})
        for group, points in project.get("entry-points", {}).items():
            groups.setdefault(group, {}).update(points)
    metadata = site / "acme_models-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-models\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(as_ini(groups))


def as_ini(groups):
    """Write entry points as an installed distribution has them."""
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in points.items()))
    ]
    return "\n".join(lines)


def test_several_weights(site):
    """Members side by side, older ones with a warning, and weights that nobody published."""
    output = run_scenario(site, "several_weights.py")

    lines = re.findall(r"(resnet20\w*:\w+) +acc@1 (\S+) *(latest)?", output)
    plain, better, other = lines
    assert ("resnet20:Digits_RefV1", "") == plain[::2]
    assert ("resnet20:Digits_RefV2", "latest") == better[::2]
    assert ("resnet20_v2:Digits_RefV1", "latest") == other[::2]
    assert float(plain[1]) < float(better[1]) < 100
    assert "built with resnet20:Digits_RefV1" in output
    assert "OutdatedWeightsWarning: resnet20:Digits_RefV1 is not the latest for Digits" in output
    assert "the new version: resnet20_v2:Digits_RefV1" in output
    assert "refused: resnet20_v2 does not accept weights=resnet20:Digits_RefV2" in output
    assert "custom weights: our own" in output
    assert "from a file: ('even', 'odd') (1, 2)" in output


def test_changed_default(site):
    """Old weights keep the old eps, all else has the new one; new builders have a threshold."""
    output = run_scenario(site, "changed_default.py")

    assert "COCO_RefV1   eps=0  NaN in half precision: True" in output
    assert "COCO_RefV2   eps=1e-05  NaN in half precision: False" in output
    assert "no weights   eps=1e-05  NaN in half precision: False" in output
    assert "old builder      score_thresh: 0.0" in output
    assert "new builder      score_thresh: 0.05" in output
    assert "caller's choice  score_thresh: 0.2" in output


def test_same_architecture(site):
    """Two initialisations, one state dict: the same weights give the same output in both."""
    output = run_scenario(site, "same_architecture.py")

    assert "ReplacedBuilderWarning: detector was replaced by detector_v2" in output
    spread = dict(re.findall(r"(detector\w*) +spread of weights (\S+)", output))
    assert 3**-0.5 == pytest.approx(float(spread["detector"]), abs=0.02)  # PyTorch's default
    assert 1 == pytest.approx(float(spread["detector_v2"]), abs=0.02)  # what the FPN means
    assert re.search(r"detector +spread .* largest bias 0\.1", output)
    assert re.search(r"detector_v2 +spread .* largest bias 0\.000", output)
    assert "same keys: True" in output
    assert "both built with DetectorWeights.COCO_RefV1" in output
    assert "same output: True" in output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_give_what_they_show(page, site):
    """Every Python block of a page is a doctest, or a module that its doctests import."""
    install(page, site)
    script = site / page.with_suffix(".txt").name
    script.write_text(re.sub(r"^```.*$", "", page.read_text("utf-8"), flags=re.MULTILINE), "utf-8")

    result = run(site, "-m", "doctest", "-o", "ELLIPSIS", script)

    assert (0, "") == (result.returncode, result.stderr), result.stdout
    for text in blocks(page, "python") if page.name != EXAMPLES_OF_TESTS else ():
        assert text.startswith((">>> ", "# acme_models/")), text


@pytest.mark.parametrize("page", SHELL_PAGES, ids=lambda page: page.name)
def test_commands_give_what_they_show(page, site):
    """What a page shows of the shell is what the command prints."""
    install(page, site)
    for text in blocks(page, "console"):
        command, expected = text.split("\n", 1)
        result = run(site, "-m", "dapi", *command.removeprefix("$ dapi ").split())
        assert expected == result.stdout, result.stderr


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """A relative link names a file that exists, and a heading that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        if name in BUILT:
            continue
        linked = page.parent / name if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page):
    """List the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
