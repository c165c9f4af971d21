"""Replay incidents: changes of a small distribution, each recorded before and after.

The incidents are data: ``real.toml``, ``generic.toml`` and ``harmless.toml`` have, for each, the
edits that make the two releases out of ``before/meadow``, and what must be found. PyTorch is
imported once; each release is recorded in a fork of that process.

Usage::

    python tests/incidents/replay.py [NAME...]   # replay, and print what was found
    python tests/incidents/replay.py --json      # print it as JSON
    python tests/incidents/replay.py --write     # replay all, and write docs/incidents.md
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "incidents.md"
GROUPS = {
    "real": "Incidents that happened",
    "generic": "One change of each kind",
    "harmless": "Harmless changes",
}
HEAD = """# Incidents

This page lists changes of models and weights that reached users, and the reports of dapi for
them. Each change is replayed on a small distribution: `dapi snapshot` records the earlier
release, the change is made, and `dapi breaking` compares the two. Rules in bold are breaks, for
which the command exits with 1; the others are notes. The last column is the result of `dapi
check` for a user who upgrades and has the answers of the earlier release: `differs`,
`unchecked` (it cannot be built, found or loaded), or `equal`.

Of {real} incidents that happened and {generic} changes of other kinds, {found} are found, {noted}
of them as notes. Of {harmless} harmless changes, {false} are reported as breaks. The tables are
written by [replay.py](../tests/incidents/replay.py), which the tests run."""
INTRODUCTIONS = {
    "real": "Each title links to the discussion in which users reported the effects.",
    "generic": "Each rule is broken by at least one of these changes, or of those above.",
    "harmless": "None of these changes is a break.",
}
COLUMNS = "| what changed | what users saw | `dapi breaking` | `dapi check` |\n|---|---|---|---|"


@dataclass(frozen=True)
class Incident:
    """A change, and what must be found.

    Attributes:
        name: What it is called.
        title: What changed.
        group: One of ``GROUPS``.
        thread: Where it was reported.
        seen: What users saw.
        before: Edits that make the release before it.
        after: Edits to that release.
        verdict: ``break``, ``note``, or ``silent``.
        rules: Those that must be named, on that level.
        check: The state that ``dapi check`` must report; empty for any.
        records: Whether the release has recorded its answers again.
    """

    name: str
    title: str
    group: str
    after: Sequence[dict[str, Any]]
    thread: str = ""
    seen: str = ""
    before: Sequence[dict[str, Any]] = ()
    verdict: str = "silent"
    rules: Sequence[str] = ()
    check: str = ""
    records: bool = False


@dataclass
class Found:
    """What was found of an incident.

    Attributes:
        breaks: Names of rules that were broken.
        notes: Names of rules of which there are notes.
        check: What ``dapi check`` reported: ``differs`` if one does, else ``unchecked`` if one
            could not be checked, else ``equal``.
        findings: Everything, as the command prints it.
    """

    breaks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    check: str = ""
    findings: list[Any] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Return the worst that was found."""
        return "break" if self.breaks else "note" if self.notes else "silent"


def incidents() -> dict[str, Incident]:
    """Return all incidents by name."""
    import tomlkit

    found = {}
    for group in GROUPS:
        text = (HERE / f"{group}.toml").read_text("utf-8")
        for entry in tomlkit.parse(text).unwrap()["incident"]:
            found[entry["name"]] = Incident(group=group, **entry)
    return found


def replay(chosen: Sequence[Incident]) -> Iterator[tuple[Incident, Found]]:
    """Record each release, and yield what was found of each incident."""
    import torch

    from dapi.devkit.compatibility import comparing, process, recording  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()  # what is imported need not be looked through after each model, in each fork
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        for incident in chosen:
            key = incident.name if incident.before else "plain"
            before = root / f"{key}-before"
            if not before.exists():
                release(before, HERE / "before", incident.before)
                forked(_record, before, "the first release")
            after = root / incident.name
            release(after, before, incident.after)
            yield incident, Found(**forked(_compare, after, before, incident.records))
            shutil.rmtree(after)


def release(site: Path, of: Path, edits: Sequence[dict[str, Any]]) -> None:
    """Lay out a release as pip installs it."""
    shutil.copytree(of, site, ignore=shutil.ignore_patterns("__pycache__"))
    package, info = site / "meadow", site / "meadow-1.0.dist-info"
    for name in ("METADATA", "entry_points.txt"):
        if not info.exists():
            info.mkdir()
        if (package / name).exists():
            (package / name).rename(info / name)
    for each in edits:
        _edit(package, info, each)


def _edit(package: Path, info: Path, edit: dict[str, Any]) -> None:
    """Make one edit: replace a text that is there, append one, or copy or move a file."""
    if "copy" in edit:
        shutil.copy(HERE / "files" / edit["copy"], package / edit["to"])
        return
    in_info = edit["file"] in ("METADATA", "entry_points.txt")
    path = (info if in_info else package) / edit["file"]
    if "move" in edit:
        (package / edit["move"]).rename(path)
        return
    text = path.read_text("utf-8") if path.exists() else ""
    if "old" not in edit:
        path.write_text(text + edit["new"], "utf-8")
        return
    if edit["old"] not in text:
        raise LookupError(f"{edit['file']} does not have {edit['old']!r}")
    path.write_text(text.replace(edit["old"], edit["new"], edit.get("count", -1)), "utf-8")


def forked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fork of this process, and return what it returns, as JSON has it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 1
        try:
            said = json.dumps(function(*arguments))
            with os.fdopen(writing, "w") as stream:
                stream.write(said)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"{function.__name__}{arguments} ended with the status {status}")
    return json.loads(text)


def _install(site: Path) -> None:
    """Let this process find a release."""
    import dapi

    os.environ |= {"DAPI_CACHE": f"{site}-cache", "DAPI_OFFLINE": "1"}
    sys.path.insert(0, str(site))
    dapi.refresh()


def _record(site: Path, accept: str) -> None:
    """Make the image of a release beside it; record its answers first, if there is a reason."""
    from dapi._answers.distribution import record_distribution
    from dapi.devkit.compatibility.recording import record

    _install(site)
    if accept:
        list(record_distribution("meadow", accept=accept))
    record("meadow").write(site.with_suffix(".json"))


def _compare(after: Path, before: Path, records: bool) -> dict[str, Any]:
    """Record a release, and compare it with the one before it."""
    from dapi.devkit.compatibility import comparing, witnesses
    from dapi.devkit.compatibility.image import Image

    _record(after, "the incident" if records else "")
    images = (Image.read(each.with_suffix(".json")) for each in (before, after))
    found = comparing.compare(*images, testify=witnesses.testify)
    return {
        "breaks": sorted({each.rule.name for each in found if each.level == "break"}),
        "notes": sorted({each.rule.name for each in found if each.level != "break"}),
        "check": _checked(before / "meadow" / "answers.json"),
        "findings": [[each.level, each.rule.name, each.target, each.text] for each in found],
    }


def _checked(recorded: Path) -> str:
    """Check all that the release before has answers of, as users do after an upgrade."""
    import dapi
    from dapi._answers.answers import Answers
    from dapi.exceptions import DapiError

    states = set()
    for name in Answers.read(recorded).found:
        try:
            states.add(dapi.check(f"meadow/{name}", answers=recorded).state)
        except DapiError:
            states.add("unchecked")
    return next(each for each in ("differs", "unchecked", "equal") if each in states)


def main(words: Sequence[str]) -> None:
    """Replay incidents; print what was found, or write the page."""
    known = incidents()
    names = [word for word in words if not word.startswith("--")] or list(known)
    replayed = {}
    if "--json" in words:
        found_by_name = {
            each.name: vars(found) for each, found in replay([known[n] for n in names])
        }
        print(json.dumps(found_by_name))
        return
    for incident, found in replay([known[name] for name in names]):
        wrong = problems(incident, found)
        print("BAD" if wrong else "ok ", incident.name, found.breaks, found.notes, found.check)
        for each in [*wrong, *(" ".join(one) for one in found.findings)] if wrong else ():
            print("   ", each)
        replayed[incident.name] = found
    if "--write" in words:
        PAGE.write_text(page(known, replayed), "utf-8")


def page(known: dict[str, Incident], replayed: dict[str, Found]) -> str:
    """Return the page of all incidents."""
    parts = [HEAD.format(**counts(known, replayed))]
    for group, title in GROUPS.items():
        of_group = [each for each in known.values() if each.group == group]
        lines = [row(each, replayed[each.name]) for each in of_group]
        parts.append(f"## {title}\n\n{INTRODUCTIONS[group]}\n\n{COLUMNS}\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def counts(known: dict[str, Incident], replayed: dict[str, Found]) -> dict[str, int]:
    """Count the incidents of each group, and what was found of them."""
    verdicts = {each.name: replayed[each.name].verdict for each in known.values()}
    harmful = [each for each in known.values() if each.verdict != "silent"]
    harmless = [each for each in known.values() if each.verdict == "silent"]
    return {
        "real": sum(each.group == "real" for each in harmful),
        "generic": sum(each.group == "generic" for each in harmful),
        "harmless": len(harmless),
        "found": sum(verdicts[each.name] != "silent" for each in harmful),
        "noted": sum(verdicts[each.name] == "note" for each in harmful),
        "false": sum(verdicts[each.name] == "break" for each in harmless),
    }


def row(incident: Incident, found: Found) -> str:
    """Return the line of an incident in its table."""
    title = f"[{incident.title}]({incident.thread})" if incident.thread else incident.title
    breaks = ", ".join(f"**{each}**" for each in found.breaks)
    told = ", ".join([*filter(None, [breaks]), *found.notes]) or "nothing"
    return f"| {title} | {incident.seen or 'nothing'} | {told} | {found.check} |"


def problems(incident: Incident, found: Found) -> list[str]:
    """Return what was not found, or is a false alarm."""
    told = []
    if incident.verdict == "break" and not found.breaks:
        told.append("no break was found")
    if incident.verdict != "break" and found.breaks:
        told.append(f"a false alarm: {', '.join(found.breaks)}")
    named = found.breaks if incident.verdict == "break" else found.notes
    told += [f"{rule} is missing" for rule in incident.rules if rule not in {*named, *found.notes}]
    if incident.check and found.check != incident.check:
        told.append(f"dapi check says {found.check}, not {incident.check}")
    return told


if __name__ == "__main__":
    main(sys.argv[1:])
