"""``dapi env``: the installation, as described in a bug report, without secrets.

Versions are read from metadata, so that it works even if imports fail.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from dapi._cli.options import add_command
from dapi._cli.tables import print_json, put
from dapi._plugins import discovery, environment
from dapi._plugins.status import plugins
from dapi._store import disk, folders, mirrors, settings
from dapi._text import counted

# Packages whose versions affect how a model behaves, or how its files are downloaded and read.
_PEERS = (
    "torch",
    "torchvision",
    "torchaudio",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pillow",
    "soundfile",
    "huggingface-hub",
    "obstore",
    "platformdirs",
    "pluggy",
    "tqdm",
)

# Variables of the network; only whether they are set is shown, since their values contain
# passwords.
_NETWORK = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
)


def add_commands(commands: Any) -> None:
    """Add the command of this module."""
    text = "show versions, the cache and settings for a bug report, without secrets"
    add_command(commands, "env", _env, text)


def _env(options: argparse.Namespace) -> int:
    facts = _facts()
    if options.json:
        print_json(facts)
        return 0
    cache = facts.pop("cache")
    versions = {**facts.pop("distributions"), **facts.pop("packages")}
    shown = {
        "python": facts["python"],
        "platform": facts["platform"],
        **versions,
        "cache": _described(cache),
        "read-only caches": ", ".join(cache.get("read_only", ())) or "none",
        "offline": "yes" if facts["offline"] else "no",
        "mirrors": ", ".join(facts["mirrors"]) or "none",
        **facts["variables"],
    }
    width = max(map(len, shown))
    for name, value in shown.items():
        put(f"{name:{width}}  {value}")
    return 0


def _described(cache: dict[str, Any]) -> str:
    if cache["path"] is None:
        return f"none: {cache['problem']}"
    problem = f"; it cannot be written to ({cache['problem']})" if cache["problem"] else ""
    free = f"; {disk.amount(cache['free'])} free" if cache["free"] is not None else ""
    size = f"{counted(cache['files'], 'file')}, {disk.amount(cache['bytes'])}"
    return f"{cache['path']} ({size}{free}{problem})"


def _facts() -> dict[str, Any]:
    """Return versions, the platform, the cache and the settings, ready for ``json.dumps``.

    Imports no distribution, and leaves no file behind.
    """
    versions = discovery.versions()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "distributions": {
            discovery.CORE: versions.get(discovery.CORE, "unknown"),
            **{
                each.name: each.version if each.state == "ok" else f"{each.version} ({each.state})"
                for each in plugins()
            },
        },
        "packages": {name: versions[name] for name in _PEERS if name in versions},
        "cache": _cache(),
        "offline": settings.is_offline(),
        "mirrors": list(map(str, mirrors.rules())),
        "variables": _variables(),
    }


def _cache() -> dict[str, Any]:
    try:
        root, roots = folders.root(), folders.roots()
    except (OSError, RuntimeError, KeyError) as error:  # no home, and no variable
        return {"path": None, "problem": str(error)}
    sizes = dict(_sizes(root))  # of partial downloads and records, too
    return {
        "path": str(root),
        "problem": disk.obstacle(root),
        "files": sum(path.parent == root / "blobs" and len(path.name) == 64 for path in sizes),
        "bytes": sum(sizes.values()),
        "free": disk.free(root),
        "read_only": [str(path) for path in roots if path != root],
    }


def _sizes(root: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files below a directory with their sizes; links are not followed."""
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            with suppress(OSError):  # another process has just removed it
                if not path.is_symlink():
                    yield path, path.stat().st_size


def _variables() -> dict[str, str]:
    """Return the variables that are set: those that name distributions with their values."""
    lists = {name: os.environ[name] for name in environment.LISTS if name in os.environ}
    others = [name for name in (*environment.KNOWN, *environment.unknown()) if name in os.environ]
    network = [name for name in _NETWORK if {name, name.upper()} & os.environ.keys()]
    return {**dict.fromkeys((*others, *network), "set"), **lists}
