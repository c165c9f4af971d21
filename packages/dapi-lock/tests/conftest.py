"""A distribution whose files are on a server of loopback, a project, and the command."""

import json
import os
import ssl
import struct
import subprocess
import sys
import textwrap
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import dapi
from _dapi_command import main


def load(name, path):
    """Import a module of tests by its path."""
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Core's servers and certificates: this distribution is tested in the same checkout.
HERE = Path(__file__).parent
_core = load("core_conftest", HERE.parents[1] / "dapi-core" / "tests" / "conftest.py")
_hub = load("lock_hub", HERE / "hub.py")
certificate, secure, faulty = _core.certificate, _core.secure, _core.faulty

ENTRY_POINTS = """
[dapi.models]
net = acme_zoo:net
talker = acme_zoo:talker
packed = acme_zoo:packed
speaker = acme_zoo:speaker
[dapi.weights]
net = acme_zoo:NetWeights
talker = acme_zoo:TalkerWeights
packed = acme_zoo:PackedWeights
speaker = acme_zoo:SpeakerWeights
"""
MODULE = """
from dapi import File, Status, WeightEntry, Weights, register_model

class NetWeights(Weights):
    Digits_RefV1 = WeightEntry(
        {url}/net-v1.safetensors", sha256="{v1}", size={size}, latest={v1_latest},
        meta={{"license": "{license}"}}, status=Status("{status}"),
    )
    Digits_RefV2 = WeightEntry(
        {url}/net-v2.safetensors?download=1", sha256="{v2}", size={size},
        mirrors=["https://me:secret@mirror.example/net-v2.safetensors"],
        latest={v2_latest}, meta={{"license": "MIT"}},
    )

class TalkerWeights(Weights):
    Speech_RefV1 = WeightEntry(
        {url}/talker.safetensors", latest=True, meta={{"license": "Apache-2.0"}},
        assets={{
            "tokenizer": File({url}/vocab.txt", sha256="{vocab:.8}"),
            "vocoder": WeightEntry(
                {url}/vocoder.safetensors", sha256="{vocoder}", size={size},
                meta={{"license": "CC-BY-NC-4.0"}},
            ),
        }},
    )

class SpeakerWeights(Weights):
    Speech_RefV1 = WeightEntry(
        {url}/vocoder.safetensors", sha256="{vocoder}", size={size}, latest=True,
        meta={{"license": "MIT"}}, assets={{"voice": NetWeights.Digits_RefV1}},
    )

class PackedWeights(Weights):
    Digits_RefV1 = WeightEntry(
        "package:acme_zoo_data/packed.safetensors#acme-zoo", sha256="{packed}", size={size},
        latest=True, meta={{"license": "MIT"}},
    )

@register_model(weights=NetWeights)
def net(*, weights=None, progress=True):
    from torch.nn import Linear
    return Linear(4, 2)

@register_model(weights=TalkerWeights)
def talker(*, weights=None, progress=True):
    from torch.nn import Linear
    return Linear(4, 2)

@register_model(weights=SpeakerWeights)
def speaker(*, weights=None, progress=True):
    from torch.nn import Linear
    return Linear(4, 2)

@register_model(weights=PackedWeights)
def packed(*, weights=None, progress=True):
    from torch.nn import Linear
    return Linear(4, 2)
"""


def linear(value):
    """The bytes of a checkpoint of Linear(4, 2) whose numbers are all ``value``."""
    header = json.dumps(
        {
            "weight": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
            "bias": {"dtype": "F32", "shape": [2], "data_offsets": [32, 40]},
        }
    ).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<10f", *[value] * 10)


def digest(body):
    return sha256(body).hexdigest()


class Zoo:
    """The distribution ``acme-zoo``, whose releases a test makes, and its server."""

    def __init__(self, site, server):
        self.site, self.server = site, server
        self.bodies = {
            "net-v1.safetensors": linear(1.0),
            "net-v2.safetensors?download=1": linear(2.0),
            "talker.safetensors": linear(3.0),
            "vocab.txt": b"a\nb\n",
            "vocoder.safetensors": linear(4.0),
        }
        self.packed = linear(5.0)
        for name, body in self.bodies.items():
            server.serve(f"/{name}", body)

    @property
    def requests(self):
        """The paths that were asked for."""
        return [path for path, _ in self.server.asked]

    def release(self, version="1.0", **facts):
        """Install a release, in place of the one before."""
        for old in self.site.glob("*.dist-info"):
            for path in [*old.iterdir(), old]:
                path.unlink() if path.is_file() else path.rmdir()
        metadata = self.site / f"acme_zoo-{version}.dist-info"
        metadata.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: acme-zoo\nVersion: {version}\n"
        (metadata / "METADATA").write_text(text)
        (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
        data = self.site / "acme_zoo_data"
        data.mkdir(exist_ok=True)
        (data / "__init__.py").write_text("")
        (data / "packed.safetensors").write_bytes(self.packed)
        (self.site / "acme_zoo.py").write_text(self.source(**facts))
        for name in ("acme_zoo", "acme_zoo_data"):
            sys.modules.pop(name, None)
        dapi.refresh()

    def source(self, **facts):
        hashes = {
            "v1": digest(self.bodies["net-v1.safetensors"]),
            "v2": digest(self.bodies["net-v2.safetensors?download=1"]),
            "vocab": digest(self.bodies["vocab.txt"]),
            "vocoder": digest(self.bodies["vocoder.safetensors"]),
            "packed": digest(self.packed),
        }
        known = {
            "url": f'"https://localhost:{self.server.server_port}',
            "size": len(self.packed),
            "license": "BSD-3-Clause",
            "status": "active",
            "v1_latest": False,
            "v2_latest": True,
        }
        return MODULE.format(**{**known, **hashes, **facts})


@pytest.fixture
def zoo(tmp_path, secure, monkeypatch):
    """A distribution with models whose weights are on loopback; its first release."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two releases within a second
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    zoo = Zoo(site, secure)
    zoo.release()
    yield zoo
    for name in ("acme_zoo", "acme_zoo_data"):
        sys.modules.pop(name, None)


@pytest.fixture
def hub(certificate, monkeypatch, tmp_path):
    """The Hugging Face Hub on loopback, over https, which its client and the store trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate[0]))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with _hub.Hub(context).run() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
    client = sys.modules.get("huggingface_hub.utils")
    if client is not None:
        client.close_session()  # the next test has another certificate


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder of a project, which is the current one; write its pyproject.toml by calling."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(text):
        (folder / "pyproject.toml").write_text(textwrap.dedent(text))
        return folder

    return write


@pytest.fixture
def run(capsys):
    """Run the ``dapi`` command in this process: its exit status, and what it printed."""

    def run(*words):
        capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as wrong:  # argparse
            status = wrong.code
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.fixture
def start():
    """Start the ``dapi`` command in a process of its own."""

    def start(*words, **variables):
        command = [sys.executable, "-m", "dapi", *map(str, words)]
        return subprocess.Popen(
            command, env={**os.environ, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def make_key(tmp_path):
    """Write a private and a public key as PEM; their paths."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import ec

    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8

    def make(name="sign", curve="SECP256R1", password=b""):
        key = ec.generate_private_key(getattr(ec, curve)())
        encryption = serialization.NoEncryption()
        if password:
            encryption = serialization.BestAvailableEncryption(password)
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        private.write_bytes(key.private_bytes(*form, encryption))
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return private, public

    return make
