"""An operator's day with the real wheels: from the choice of models to a report."""

import json
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

MODULE = """
from dapi import File, WeightEntry, Weights, register_model

class NetWeights(Weights):
    Digits_RefV1 = WeightEntry(
        "{url}/net-v1.bin", sha256="{v1}", size=8, latest={first}, meta={{"license": "MIT"}},
    )
    Digits_RefV2 = WeightEntry(
        "{url}/net-v2.bin", sha256="{v2}", size=8, latest={second}, meta={{"license": "MIT"}},
    )

class TalkerWeights(Weights):
    Speech_RefV1 = WeightEntry(
        "{url}/talker.bin", sha256="{talker}", size=8, latest=True,
        meta={{"license": "Apache-2.0"}},
        assets={{"words": File("{url}/words.txt", sha256="{words}")}},
    )

@register_model(weights=NetWeights)
def net(*, weights=None, progress=True):
    raise NotImplementedError

@register_model(weights=TalkerWeights)
def talker(*, weights=None, progress=True):
    raise NotImplementedError
"""
POINTS = {
    "dapi.models": {"net": "acme_zoo:net", "talker": "acme_zoo:talker"},
    "dapi.weights": {"net": "acme_zoo:NetWeights", "talker": "acme_zoo:TalkerWeights"},
}
PYPROJECT = """
[tool.dapi]
weights = ["net", "talker"]
[tool.dapi.policy]
licenses = ["MIT", "Apache-2.0"]
require-signature = true
"""
FILES = {
    "net-v1.bin": struct.pack("<d", 1.0),
    "net-v2.bin": struct.pack("<d", 2.0),
    "talker.bin": struct.pack("<d", 3.0),
    "words.txt": b"a\nb\n",
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def origin(tmp_path):
    """A server of the files, on loopback, and what stops it."""
    folder = tmp_path / "origin"
    folder.mkdir()
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stopped = []

    def stop():
        if not stopped:
            stopped.append(True)
            server.shutdown()
            thread.join()
            server.server_close()

    yield f"http://127.0.0.1:{server.server_port}", stop
    stop()


@pytest.fixture
def release(environment, wheels, make_distribution, origin, tmp_path):
    """Install a release of acme-zoo: a real wheel, whose latest net is of some version."""
    hashes = {"v1": "net-v1.bin", "v2": "net-v2.bin", "talker": "talker.bin", "words": "words.txt"}
    facts = {key: sha256(FILES[name]).hexdigest() for key, name in hashes.items()}

    def release(version, latest):
        source = MODULE.format(url=origin[0], first=latest == 1, second=latest == 2, **facts)
        project = tmp_path / "projects" / "acme-zoo"
        if not project.exists():
            wheel = make_distribution("acme-zoo", entry_points=POINTS, acme_zoo=source)
        else:
            (project / "acme_zoo.py").write_text(source)
            pyproject = project / "pyproject.toml"
            pyproject.write_text(pyproject.read_text().replace('"1.0"', f'"{version}"'))
            build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
            subprocess.run(build, cwd=project, check=True, capture_output=True)
            (wheel,) = (project / "dist").glob("*.whl")
        environment.pip("install", "--no-index", "--no-deps", "--quiet", "--upgrade", wheel)

    environment.borrow("dapi-core", "dapi-lock", "cryptography")
    environment.install(wheels["dapi-core"], wheels["dapi-lock"])
    return release


@pytest.mark.slow
def test_operators_day(environment, release, origin, tmp_path, monkeypatch):
    """Choose, lock, sync, sign, verify, audit, carry, deploy, upgrade, roll back, prune, report."""
    pytest.importorskip("cryptography")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    environment.variables.pop("DAPI_OFFLINE")

    def on(machine, *words, status=0):
        done = machine.dapi(*words)
        assert status == done.returncode, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def machine(number):
        there = {
            "DAPI_CACHE": str(tmp_path / f"machine-{number}"), "DAPI_OFFLINE": "1",
            "DAPI_SIGNED_BY": str(folder / "sign.pub"),
        }  # fmt: skip
        return replace(environment, variables=there)

    def served(machine, lock):
        bound = replace(machine, variables={**machine.variables, "DAPI_LOCK": str(lock)})
        rows = json.loads(bound.dapi("fetch", "net", "talker", "--json", "--quiet").stdout)
        paths = [row["path"] for row in rows if row["url"].endswith(".bin")]
        return [struct.unpack("<d", Path(path).read_bytes())[0] for path in paths]

    here = replace(environment, variables={**environment.variables})
    release("1.0", 1)
    _make_keys(environment, folder)

    # Choose, lock, sync; sign; verify and audit as every machine will.
    (folder / "pyproject.toml").write_text(PYPROJECT)
    on(here, "lock")
    assert "no key is trusted" in on(here, "sync", status=1)
    on(here, "sign", "dapi.lock", "--key", "sign.pem")
    here.variables["DAPI_SIGNED_BY"] = str(folder / "sign.pub")
    on(here, "sync")
    assert "is valid" in on(here, "verify", "--signed-by", "sign.pub")
    assert "signature" in on(here, "audit")
    _keep(folder, "monday")

    # Carry it: by a tar and by a layout, to machines that were never online.
    on(here, "bundle", "-o", "monday.tar")
    on(here, "bundle", "-o", "monday", "--format", "oci")
    machines = [machine(number) for number in range(3)]
    for each, bundle in zip(machines, ("monday.tar", "monday", "monday.tar"), strict=True):
        assert "3 files added" in on(each, "unbundle", bundle, "--lock", "monday.lock")
        assert [1.0, 3.0] == served(each, folder / "monday.lock")

    # A release marks other weights as the latest; nothing changes until one is upgraded.
    release("2.0", 2)
    assert [1.0, 3.0] == served(machines[0], folder / "monday.lock")
    assert "net was acme-zoo/net:Digits_RefV1" in on(here, "lock", "--upgrade", "net")
    assert "of another lock" in on(here, "sync", status=1)
    on(here, "sign", "dapi.lock", "--key", "sign.pem")
    on(here, "sync")
    _keep(folder, "tuesday")
    assert "+ acme-zoo/net:Digits_RefV2" in on(
        here, "lock", "--diff", "monday.lock", "tuesday.lock"
    )
    on(here, "bundle", "tuesday.lock", "-o", "tuesday.tar")
    origin[1]()  # every origin is gone

    # Roll out to one, and back there; then out to all.
    assert "1 file added" in on(machines[0], "unbundle", "tuesday.tar", "--lock", "tuesday.lock")
    assert [2.0, 3.0] == served(machines[0], folder / "tuesday.lock")
    assert [1.0, 3.0] == served(machines[0], folder / "monday.lock")
    for each in machines[1:]:
        on(each, "unbundle", "tuesday.tar", "--lock", "tuesday.lock")
    assert [[2.0, 3.0]] * 3 == [served(each, folder / "tuesday.lock") for each in machines]

    # Somebody changes a lock: no machine takes it.
    text = (folder / "tuesday.lock").read_text()
    (folder / "other.lock").write_text(text.replace("require-signature = true", ""))
    (folder / "other.lock.sig").write_bytes((folder / "tuesday.lock.sig").read_bytes())
    assert "of another lock" in on(
        machines[1], "sync", "--frozen", "--lock", "other.lock", status=1
    )

    # Prune, report.
    for each in machines:
        on(each, "sync", "--frozen", "--offline", "--prune", "--lock", "tuesday.lock")
        words = "--lock", "tuesday.lock", "--signed-by", "sign.pub", "--json"
        report = json.loads(on(each, "verify", *words))
        assert ("intact", "valid") == (report["result"], report["signature"]["state"])
        assert 3 == len(report["files"]) and "dapi-lock" in report["versions"]


def _keep(folder, name):
    for suffix in ("", ".sig"):
        (folder / f"{name}.lock{suffix}").write_bytes((folder / f"dapi.lock{suffix}").read_bytes())


def _make_keys(environment, folder):
    """Make the keys by what signs: cryptography, as there need not be an openssl."""
    environment.run(
        f"""
        from pathlib import Path
        from cryptography.hazmat.primitives import serialization as s
        from cryptography.hazmat.primitives.asymmetric import ec
        key, folder = ec.generate_private_key(ec.SECP256R1()), Path({str(folder)!r})
        private = s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()
        (folder / "sign.pem").write_bytes(key.private_bytes(*private))
        public = s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo
        (folder / "sign.pub").write_bytes(key.public_key().public_bytes(*public))
        print("null")
        """
    )
