"""``dapi new``: from nothing to a wheel that is listed, conforms and passes its own checks."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from email import message_from_bytes
from functools import partial
from glob import glob
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WRAP = (
    "--wrap dapi.vision.models._cifar_resnet:CIFARResNet --config in_channels=1 "
    "--file package:dapi.vision/models/data/resnet20_digits_v2.safetensors"
)


@pytest.fixture
def author(environment, wheels):
    """An environment with what authors have installed; its pip asks no index."""
    tools = ("editables", "hatchling", "lazy-loader", "mypy", "numpy", "pip", "ruff", "twine")
    environment.borrow("dapi-core[torch]", "dapi-devkit", *tools)
    environment.install(wheels["dapi-core"], wheels["dapi-devkit"])
    (environment.path / "bin" / "ruff").symlink_to(Path(sys.executable).with_name("ruff"))
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment.variables |= {**offline, "OMP_NUM_THREADS": "1"}
    return environment


@pytest.fixture
def index(tmp_path):
    """A package index on this machine: it takes wheels, and links to them, by their project."""

    class Index(SimpleHTTPRequestHandler):
        def do_POST(self):
            head = f"Content-Type: {self.headers['Content-Type']}\n\n".encode()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for part in message_from_bytes(head + body).get_payload():
                if part.get_filename():
                    folder = Path(self.directory, part.get_filename().split("-")[0])
                    folder.mkdir()
                    (folder / part.get_filename()).write_bytes(part.get_payload(decode=True))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    (tmp_path / "index").mkdir()
    handler = partial(Index, directory=tmp_path / "index")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def run(environment, command, folder):
    """Run a line as an author types it, in their environment."""
    program, *written = shlex.split(command)
    words = [word for each in written for word in glob(each, root_dir=folder) or [each]]
    found = environment.path / "bin" / program
    module = [] if program == "python" else ["-m", program]
    start = [found] if program == "dapi" else [environment.python, *module]
    result = subprocess.run(
        [*start, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **environment.variables},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def shell_blocks(page):
    """Return the commands of each block of a page that shows the shell."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.findall(r"^```shell\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


def next_commands(printed):
    """Return the commands that ``dapi new`` tells to run next."""
    return [line.strip() for line in printed.splitlines() if line.startswith("  ")]


def test_page_leads_from_nothing_to_an_uploaded_wheel(author, index, tmp_path):
    """Five commands to a wheel that is listed and conforms; then those of work on the project.

    What is uploaded in the end installs from the index, and is listed.
    """
    account = {"TWINE_USERNAME": "acme", "TWINE_PASSWORD": "secret"}
    author.variables |= {"TWINE_REPOSITORY_URL": index, "TWINE_NON_INTERACTIVE": "1", **account}
    five, *others = shell_blocks("publishing.md")

    assert five[1:] == next_commands(run(author, five[0], tmp_path))
    _, _, listed, checked = [run(author, command, tmp_path) for command in five[1:]]
    assert "acme_flowers_mlp" in listed
    assert " passed" in checked and " failed" not in checked
    enter, *at_work = [command for block in others[:-1] for command in block]
    assert "cd acme-flowers" == enter
    printed = {command: run(author, command, tmp_path / "acme-flowers") for command in at_work}
    described = next(text for command, text in printed.items() if "dapi describe" in command)
    assert "# It matches acme_flowers_mlp." in described
    author.pip("uninstall", "--quiet", "--yes", "acme-flowers")
    links = f"--find-links={index}acme_flowers/"
    author.pip("install", "--quiet", "--no-index", "--no-deps", links, "acme-flowers")
    assert {"leafnet", *listed.split()} <= {*run(author, five[3], tmp_path).split()}


def test_wheel_that_lacks_its_weights_fails(author, tmp_path):
    """Version control ignored them, so the backend left them out; the project itself has them."""
    run(author, "dapi new acme-flowers", tmp_path)
    project = tmp_path / "acme-flowers"
    run(author, "pip wheel --no-deps --wheel-dir whole .", project)
    with (project / ".gitignore").open("a") as stream:
        stream.write("*.safetensors\n")
    run(author, "pip wheel --no-deps --wheel-dir lacking .", project)
    only = "-k 'C001 or C035'"

    assert "2 passed" in run(author, f"pytest {only} --dapi-wheel whole/*.whl", project)
    with pytest.raises(AssertionError, match="(?s)DAPI-C035.*no such file"):
        run(author, f"pytest {only} --dapi-wheel lacking/*.whl", project)


def test_weights_for_the_builder_of_another_distribution(author, wheels, tmp_path):
    """Written with a file or without one, they are listed, load, and conform."""
    author.borrow("dapi-vision")
    author.install(wheels["dapi-vision"])
    data = ROOT / "packages/dapi-vision/src/dapi/vision/models/data"
    shutil.copy(data / "resnet20_digits_v1.safetensors", tmp_path / "trained.safetensors")
    [of_the_page] = shell_blocks("publishing.md")[-1]
    conformance = "pytest"

    for new in (of_the_page, "dapi new acme-start --weights-for resnet20 --license MIT"):
        build, install, look, conform = next_commands(run(author, new, tmp_path))
        run(author, build, tmp_path)
        run(author, install, tmp_path)
        conformance += conform.removeprefix("pytest")
    listed = run(author, look, tmp_path)
    assert "resnet20:acme-digits/AcmeDigits_RefV1" in listed
    assert "resnet20:acme-start/AcmeStart_RefV1" in listed
    run(author, conformance, tmp_path)


def test_class_and_file_of_another_distribution(author, wheels, tmp_path):
    """The wheel requires the distribution that has them, passes its own tests, and conforms."""
    author.borrow("dapi-vision")
    author.install(wheels["dapi-vision"])

    build, install, look, conform = next_commands(
        run(author, f"dapi new acme-wrapped {WRAP}", tmp_path)
    )
    run(author, build, tmp_path)
    run(author, install, tmp_path)
    assert "acme_wrapped_cifar_res_net" in run(author, look, tmp_path)
    assert " passed" in run(author, conform, tmp_path)
    assert " passed" in run(author, "pytest", tmp_path / "acme-wrapped")


@pytest.mark.parametrize("name", ["a", "acme-flowers", "a-name-as-long-as-names-can-be-0"])
@pytest.mark.parametrize(
    "option",
    [
        "",
        "--weights-for resnet20",
        "--model-name z",
        "--model-name a_name_as_long_as_names_can_be0",
        WRAP,
    ],
)
def test_what_is_written_passes_ruff(tmp_path, name, option):
    """Whatever the names: formatted, and without a finding, by its own rules."""
    write(name, option, tmp_path)
    result = tool("dapi", "new", "--family", "zebra_net", folder=tmp_path / name)
    assert result.returncode == 0, result.stderr

    for check in (["check"], ["format", "--check"]):
        result = tool("ruff", *check, "--no-cache", ".", folder=tmp_path / name)
        assert result.returncode == 0, result.stdout


# The builder takes the members: their enum says that it is published for it.
USE = """
from acme_flowers.weights import AcmeFlowersWeights
from dapi.vision import resnet20

resnet20(weights=AcmeFlowersWeights.AcmeFlowers_RefV1)
"""


@pytest.mark.parametrize(
    "option", ["", "--weights-for resnet20", WRAP], ids=["models", "weights", "wrapped"]
)
def test_what_is_written_passes_mypy(request, tmp_path, option):
    """Types are complete, by the strict rules that it sets itself."""
    write("acme-flowers", option, tmp_path)
    if "weights-for" in option:
        (tmp_path / "acme-flowers/src/acme_flowers/use.py").write_text(USE)

    cache = request.config.cache.mkdir("mypy")
    result = tool("mypy", "--cache-dir", str(cache), folder=tmp_path / "acme-flowers")
    assert result.returncode == 0, result.stdout + result.stderr


# The builder takes the members: their enum says that it is published for it.
USE = """
from acme_flowers.weights import AcmeFlowersWeights
from dapi.vision import resnet20

resnet20(weights=AcmeFlowersWeights.AcmeFlowers_RefV1)
"""


@pytest.mark.parametrize(
    "option", ["", "--weights-for resnet20", WRAP], ids=["models", "weights", "wrapped"]
)
def test_what_is_written_passes_pyright(author, wheels, tmp_path, option):
    """It reads installed wheels, for it finds no project that is installed in place."""
    author.borrow("dapi-vision")
    author.install(wheels["dapi-vision"])
    write("acme-flowers", option, tmp_path)

    checker = Path(sys.executable).with_name("basedpyright")
    command = [checker, "--pythonpath", author.python]
    folder = tmp_path / "acme-flowers"
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def write(name, option, folder):
    result = tool("dapi", "new", name, *option.split(), folder=folder)
    assert result.returncode == 0, result.stderr


def tool(module, *words, folder):
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
