"""An operator's day, from the choice of models to a roll-back, on three machines."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dapi
from dapi.lock import read

# What a machine runs: every model, bound to the lock, without a network.
SERVE = """
import json, dapi
names = ("net", "talker", "packed")
print(json.dumps({name: dapi.get_model(name).bias[0].item() for name in names}))
"""


def serve(cache, lock):
    """Build all models in a process of its own, as a machine does; what they are."""
    there = {"DAPI_CACHE": str(cache), "DAPI_LOCK": str(lock), "DAPI_OFFLINE": "1"}
    command = [sys.executable, "-c", SERVE]
    result = subprocess.run(command, env={**os.environ, **there}, capture_output=True, text=True)
    assert 0 == result.returncode, result.stderr
    return json.loads(result.stdout)


def test_the_day(zoo, project, run, tmp_path, monkeypatch):
    """The same models on three machines, before and after an upgrade, and after it is undone."""

    def done(*words):
        status, printed = run(*words)
        assert 0 == status, printed
        return printed

    # Choose, lock, sync: what is declared in the project, under its policy.
    zoo.release(v1_latest=True, v2_latest=False)
    folder = project(
        """
        [tool.dapi]
        weights = ["net", "talker", "packed"]
        [tool.dapi.policy]
        licenses = ["MIT", "BSD-3-Clause", "Apache-2.0", "CC-BY-NC-4.0"]
        """
    )
    done("lock")
    done("sync")
    done("verify", "--lock")
    done("audit")
    monday = (folder / "dapi.lock").read_text()

    # Carry: three machines, one of which was never online; each loads the same.
    done("bundle", "-o", "monday.tar")
    machines = [tmp_path / f"machine-{number}" for number in range(3)]
    for machine in machines:
        monkeypatch.setenv("DAPI_CACHE", str(machine))
        done("unbundle", "monday.tar", "--lock", "dapi.lock")
        assert '"intact"' in done("verify", "--lock", "--json")
    zoo.server.files.clear()  # every origin is gone
    assert [{"net": 1.0, "talker": 3.0, "packed": 5.0}] * 3 == [
        serve(machine, folder / "dapi.lock") for machine in machines
    ]

    # A release marks other weights as the latest: nothing changes until one is upgraded.
    for name, body in zoo.bodies.items():
        zoo.server.serve(f"/{name}", body)
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "dapi-cache"))
    zoo.release("2.0")
    assert 1.0 == serve(machines[0], folder / "dapi.lock")["net"]
    printed = done("lock", "--upgrade", "net")
    assert "net was acme-zoo/net:Digits_RefV1" in printed
    done("sync")
    done("audit")
    tuesday = folder / "tuesday.lock"
    shutil.copy(folder / "dapi.lock", tuesday)
    (folder / "monday.lock").write_text(monday)
    assert "+ acme-zoo/net:Digits_RefV2" in done("lock", "--diff", "monday.lock", "tuesday.lock")

    # Roll out to one machine; then roll back there: the old files are still in its cache.
    done("bundle", "-o", "tuesday.tar")
    monkeypatch.setenv("DAPI_CACHE", str(machines[0]))
    assert "1 file added; 3 were in the cache already" in done("unbundle", "tuesday.tar")
    assert 2.0 == serve(machines[0], tuesday)["net"]
    assert 1.0 == serve(machines[0], folder / "monday.lock")["net"]
    assert 1.0 == serve(machines[1], folder / "monday.lock")["net"]

    # Settle on the new one, prune, report.
    Path("dapi.lock").write_text(tuesday.read_text())
    assert "net-v1.safetensors" in done("sync", "--offline", "--prune")
    report = json.loads(done("verify", "--lock", "--json"))
    assert "intact" == report["result"] and 5 == len(report["files"])
    assert 4 == len(dapi.cache.blobs()) and "2.0" == read("dapi.lock").weights[0].version
