"""docs/fleet.md: what the page tells machines to do is done, on several caches and processes."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dapi
from dapi.lock import read

pytest.importorskip("cryptography")
yaml = pytest.importorskip("yaml")

PAGE = Path(__file__).parents[3] / "docs" / "fleet.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = """
import json, dapi
print(json.dumps([dapi.get_model(name).bias[0].item() for name in ("net", "talker")]))
"""
# The same without a framework: the last number of the files that the lock has as the latest.
READ = """
import contextlib, io, json, struct
from pathlib import Path
from _dapi_command import main
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    assert 0 == main(["fetch", "net", "talker", "--json", "--quiet"])
paths = [row["path"] for row in json.loads(printed.getvalue()) if "safetensors" in row["url"]]
print(json.dumps([struct.unpack("<f", Path(path).read_bytes()[-4:])[0] for path in paths][:2]))
"""
ROOTS = re.compile(r"(?<![\w/.])/(?=(app|etc|models|opt|shared|srv)\b)")


class Fleet:
    """The commands of the page, for a project on loopback, with all paths below one folder."""

    def __init__(self, folder, zoo):
        self.folder, self.root = folder, folder.parent / "root"
        self.root.mkdir()
        self.mirror = f"https://localhost:{zoo.server.server_port}/mirror"
        (folder / "serve.py").write_text(READ)

    def text(self, text):
        """Put our models, hosts and folders in the place of those of the page."""
        for theirs, ours in (
            ("resnet50", "net"),
            ("tacotron2", "talker"),
            ("https://mirror.example", self.mirror),
        ):
            text = text.replace(theirs, ours)
        return ROOTS.sub(f"{self.root}/", text)

    def section(self, heading):
        """The fenced blocks of a section: language and text."""
        page = PAGE.read_text("utf-8")
        body = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        assert body, heading
        return [(language, self.text(block)) for language, block in FENCE.findall(body)]

    def start(self, command, where=None, **variables):
        """Start commands of the shell, as on a machine of its own."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.Popen(
            ["sh", "-e", "-c", command], cwd=where or self.folder, text=True,
            env={**os.environ, "PATH": path, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, command, where=None, status=0, **variables):
        process = self.start(command, where, **variables)
        out, errors = process.communicate()
        assert status == process.returncode, (command, out, errors)
        return out + errors


@pytest.fixture
def fleet(zoo, project, make_key, run):
    """A released project: locked, audited and signed by the page's own commands."""
    zoo.release(v1_latest=True, v2_latest=False)
    folder = project("")
    fleet = Fleet(folder, zoo)
    for key in make_key():
        shutil.copy(key, folder)
    pyproject = next(text for language, text in fleet.section("Release") if language == "toml")
    (folder / "pyproject.toml").write_text(pyproject)
    blocks = [text for language, text in fleet.section("Release") if language == "sh"]
    for line in "".join(blocks).splitlines():
        words = shlex.split(line, comments=True)
        if words[0] == "dapi":  # in this process: there are five, and each test begins with them
            assert 0 == run(*words[1:])[0], line
        else:
            fleet.run(line)
    return fleet


def test_release_is_locked_and_signed(fleet):
    """What is committed, and what every machine will check."""
    assert ("net", "talker") == read("dapi.lock").requires
    assert Path("current/dapi.lock").samefile("releases/1/dapi.lock")
    assert Path("dapi.lock.sig").read_bytes() == Path("current/dapi.lock.sig").read_bytes()


def test_container_file(fleet, zoo):
    """Its commands in order: the image has all files, and the program runs without a network."""
    (fleet.folder / "serve.py").write_text(SERVE)
    ((_, text),) = fleet.section("A container file")
    environment, where, ran = {}, fleet.root, ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "ENV":
            name, _, environment[name] = rest.partition("=")
        elif word == "WORKDIR":
            where = Path(rest)
            where.mkdir(parents=True)
        elif word == "COPY":
            for name in shlex.split(rest)[:-1]:
                shutil.copy(fleet.folder / name, where)
        elif word == "RUN" and not rest.startswith("pip "):
            fleet.run(rest, where, **environment)
            zoo.server.files.clear()  # every origin is gone
        elif word == "CMD":
            ran = fleet.run(shlex.join(json.loads(rest)), where, **environment)

    assert [1.0, 3.0] == json.loads(ran)
    changed = where / "dapi.lock"
    changed.write_text(changed.read_text() + "\n")
    refused = fleet.run("python serve.py", where, status=1, **environment)
    assert "it belongs to another lock, or the lock was modified" in refused


def test_init_container(fleet, zoo):
    """It fills the volume that the program reads; started again, it downloads nothing."""
    ((_, text),) = fleet.section("An init container")
    spec = yaml.safe_load(text)["spec"]
    (fleet.root / "models").mkdir()
    shutil.copytree(fleet.folder, fleet.root / "etc" / "models")

    def run(container):
        environment = {each["name"]: each["value"] for each in container["env"]}
        environment.setdefault("DAPI_CACHE", str(fleet.root / "own"))
        return fleet.run(shlex.join(container["command"]), **environment)

    run(spec["initContainers"][0])
    zoo.server.asked.clear()
    run(spec["initContainers"][0])
    os.chmod(fleet.root / "models", 0o555)  # as it is mounted
    served = run(spec["containers"][0])

    assert [] == zoo.requests and [1.0, 3.0] == json.loads(served)
    mounted = {each["mountPath"] for each in spec["containers"][0]["volumeMounts"]}
    assert {str(fleet.root / "models"), str(fleet.root / "etc" / "models")} == mounted


@pytest.mark.slow
def test_shared_cache(fleet, zoo):
    """Three nodes fill it at once, each file once; then all of them read it."""
    ((_, text),) = fleet.section("A shared cache")
    fill, serve = text.splitlines()
    zoo.server.asked.clear()

    nodes = [fleet.start(fill) for _ in range(3)]
    filled = [(node.communicate()[1], node.returncode) for node in nodes]
    served = [fleet.start(serve, DAPI_CACHE=f"{fleet.root}/node-{n}") for n in range(3)]
    outputs = [json.loads(node.communicate()[0]) for node in served]

    assert [("", 0)] * 3 == filled and [[1.0, 3.0]] * 3 == outputs
    assert sorted(set(zoo.requests)) == sorted(zoo.requests)


@pytest.mark.slow
def test_mirror_and_registry(fleet, zoo):
    """The origins are gone: the mirror has the files, and what a registry had is verified."""
    port = zoo.server.server_port
    bodies = {name: zoo.bodies[name] for name in zoo.bodies}
    zoo.server.files.clear()
    for name, body in bodies.items():
        zoo.server.serve(f"/mirror/localhost:{port}/{name}", body)
    mirror, registry = (text for _, text in fleet.section("A mirror"))

    fleet.run(mirror)
    if shutil.which("skopeo") is None:
        registry = re.sub(r"(?m)^skopeo .*$", "cp -r models registry", registry)
    printed = fleet.run(registry, DAPI_CACHE=f"{fleet.root}/srv/mirrored")

    assert "4 files added; 0 were in the cache already" in printed
    where = f"{fleet.root}/srv"
    for cache in (f"{where}/mirrored", f"{where}/pulled"):
        environment = {"DAPI_CACHE": cache, "DAPI_OFFLINE": "1", "DAPI_LOCK": "dapi.lock"}
        assert [1.0, 3.0] == json.loads(fleet.run("python serve.py", **environment))


@pytest.mark.slow
def test_rollout_and_roll_back(fleet, zoo, tmp_path):
    """Three machines: one goes first, then the others at once; back without a network."""
    machines = [tmp_path / f"machine-{number}" for number in range(3)]

    def environment(machine):
        return {"DAPI_CACHE": str(machine / "cache"), "DAPI_SIGNED_BY": str(machine / "sign.pub")}

    def deploy():
        for machine in machines:
            names = ("serve.py", "sign.pub", "pyproject.toml")
            machine.mkdir(exist_ok=True)
            for name in names:
                shutil.copy(fleet.folder / name, machine)
            shutil.copytree(fleet.folder / "releases", machine / "releases", dirs_exist_ok=True)

    deploy()
    install = "dapi sync --frozen --quiet --lock releases/1/dapi.lock\nln -sfn releases/1 current\n"
    serve = "DAPI_LOCK=current/dapi.lock DAPI_OFFLINE=1 python serve.py"
    for machine in machines:
        served = fleet.run(install + serve, machine, **environment(machine))
        assert [1.0, 3.0] == json.loads(served.splitlines()[-1])

    zoo.release("2.0")
    release, switch = (text for _, text in fleet.section("A rollout"))
    told = fleet.run(release)
    deploy()
    first = fleet.run(switch, machines[0], **environment(machines[0]))
    others = [fleet.start(serve, machine, **environment(machine)) for machine in machines[1:]]
    before = [json.loads(other.communicate()[0]) for other in others]
    others = [fleet.start(switch, machine, **environment(machine)) for machine in machines[1:]]
    after = [json.loads(other.communicate()[0].splitlines()[-1]) for other in others]

    assert "net was acme-zoo/net:Digits_RefV1" in told
    assert [2.0, 3.0] == json.loads(first.splitlines()[-1])
    assert [[1.0, 3.0]] * 2 == before and [[2.0, 3.0]] * 2 == after

    zoo.server.files.clear()  # every origin is gone
    back, prune = (text for _, text in fleet.section("A roll-back"))
    for machine in machines:
        assert [1.0, 3.0] == json.loads(fleet.run(back, machine, **environment(machine)))
    ((_, evidence),) = fleet.section("Evidence")
    unpruned = fleet.run(evidence, machines[0], status=1, **environment(machines[0]))
    for machine in machines:
        fleet.run(prune, machine, **environment(machine))
        fleet.run(evidence, machine, **environment(machine))

    report = json.loads((machines[1] / "report.json").read_text())
    assert "" == unpruned and ("intact", "valid") == (
        report["result"], report["signature"]["state"]
    )  # fmt: skip
    assert 4 == len(report["files"]) and str(machines[1] / "cache") == report["where"]["cache"]
    assert dapi.cache.blobs()  # the releaser's own cache has both
