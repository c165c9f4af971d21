"""``dapi snapshot``, ``dapi breaking`` and ``dapi diff``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

from tqdm import tqdm

from dapi import catalog
from dapi.devkit._command_line import parser_of, put_error, put_json, say
from dapi.devkit.compatibility import allowances, comparing, process, report
from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.kept import Kept
from dapi.devkit.compatibility.notes import notes
from dapi.devkit.compatibility.recording import EVERYTHING, Extent, Tell
from dapi.devkit.compatibility.releases import FOLDER, Releases
from dapi.devkit.compatibility.rules import CATEGORIES
from dapi.devkit.exceptions import ImageError, RecordingError
from dapi.exceptions import DapiError

BREAKS = 1
FAILED = 2  # could not be compared; also argparse's exit status

_INTERVAL = 10.0  # seconds between two lines of progress
_LONG = (
    "recording {0} builds and runs its models, which takes minutes if there are many. To take "
    "the answers that it ships instead: --run without a pattern"
)


def snapshot(arguments: Sequence[str]) -> int:
    """Run ``dapi snapshot``."""
    parser = parser_of(
        "snapshot",
        "Record an image of an installed distribution, to compare later.",
        "dapi snapshot acme-models",
        "dapi snapshot acme-models --output compat/1.0.json.gz",
        page="compatibility",
    )
    parser.add_argument("distribution", help="the name of the distribution, as in pip")
    default = "DISTRIBUTION-VERSION.json.gz"
    text = f"where to write the image; compressed if it ends in .gz (default: {default})"
    parser.add_argument("--output", type=Path, metavar="FILE", help=text)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_recording(parser)
    return _guarded(_snapshot, parser.parse_args(arguments))


def _snapshot(options: argparse.Namespace) -> int:
    image = _recorded(options, options.distribution, is_new=True)
    _refuse_unread(image)
    path = options.output or Path(f"{image.name}-{image.version}.json.gz")
    image.write(path)
    size = path.stat().st_size
    if options.json:
        facts = {"distribution": image.name, "version": image.version, "file": str(path)}
        put_json({**facts, "bytes": size, "missing": image["missing"]})
        return 0
    print(f"{image.name} {image.version}: {path} ({size:,} bytes)")
    for what, reason in image["missing"].items():
        say(f"not recorded: {what}. {reason}")
    return 0


def _refuse_unread(image: Image) -> None:
    """Refuse an image without some declarations: later releases could break those unseen."""
    points = image["entry_points"]
    advertised = {*points.get("dapi.models", {}), *points.get("dapi.weights", {}).values()}
    for what, reason in image["missing"].items():
        if what in advertised - image["builders"].keys():
            raise RecordingError(image.name, f"{what}: {reason.rstrip('.')}")


def breaking(arguments: Sequence[str]) -> int:
    """Run ``dapi breaking``: the status is 1 if something breaks, 2 if it could not compare."""
    parser = parser_of(
        "breaking",
        "Report what a release breaks for users of earlier releases.",
        "dapi breaking acme-models --against 1.0",
        "dapi breaking acme-models --against all --format github",
        page="compatibility",
    )
    parser.add_argument("distribution", help="the name of the distribution, as in pip")
    _add_against(parser, required=True)
    parser.add_argument(
        "--category",
        choices=CATEGORIES,
        default=CATEGORIES[-1],
        help="compare by the rules of this category and of those that it includes (default: all)",
    )
    parser.add_argument("--format", choices=report.FORMATS, default=report.FORMATS[0])
    parser.add_argument(
        "--json",
        action="store_const",
        const="json",
        dest="format",
        help="the same as --format json",
    )
    parser.add_argument(
        "--new",
        type=Path,
        metavar="FILE",
        help="compare this image instead of the installed distribution",
    )
    _add_fresh(parser)
    _add_recording(parser)
    return _guarded(_breaking, parser.parse_args(arguments))


def _breaking(options: argparse.Namespace) -> int:
    project: Path = options.project
    accepted = allowances.read(project)
    old = Releases(project).find(options.against)
    if options.new:
        new, testify = Image.read(options.new), None
    else:
        new = _recorded(options, options.distribution, is_new=options.fresh)
        testify = partial(process.testify, new.name)
    _check_name(options.distribution, new)
    found = comparing.compare_all(old, new, category=options.category, testify=testify)
    outcome = allowances.apply(found, accepted)
    print(report.written(outcome, options.format, project))
    return BREAKS if outcome.breaks or outcome.expired else 0


def diff(arguments: Sequence[str]) -> int:
    """Run ``dapi diff``."""
    parser = parser_of(
        "diff",
        "Write release notes in Markdown: the changes between two releases.",
        "dapi diff acme-models --against 1.0",
        "dapi diff compat/1.0.json.gz compat/1.1.json.gz",
        page="compatibility",
    )
    parser.add_argument(
        "what",
        nargs="+",
        metavar="DISTRIBUTION | OLD NEW",
        help="an installed distribution, or the files of two images",
    )
    _add_against(parser, required=False)
    parser.add_argument("--json", action="store_true", help="print what changed as JSON")
    _add_fresh(parser)
    _add_recording(parser)
    options = parser.parse_args(arguments)
    if len(options.what) > 2 or (len(options.what) == 1) != bool(options.against):
        parser.error("pass a distribution and --against, or two files")
    return _guarded(_diff, options)


def _diff(options: argparse.Namespace) -> int:
    if len(options.what) == 2:
        (old, new), testify = map(Image.read, map(Path, options.what)), None
    else:
        old = Releases(options.project).find(options.against)[-1]
        new = _recorded(options, options.what[0], is_new=options.fresh)
        testify = partial(process.testify, new.name)
    found = comparing.compare(old, new, testify=testify)
    if options.json:
        print(report.written(allowances.apply(found, []), "json", options.project))
        return 0
    print(*map(catalog.printable, notes(old, new, found).splitlines()), sep="\n")
    return 0


def _check_name(wanted: str, new: Image) -> None:
    if catalog.normalize(wanted) != new.name:
        reason = f"is an image of {new.name}, not of {wanted}"
        raise ImageError(new.source, reason, f"Pass the other: dapi breaking {new.name}")


def _add_against(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--against", required=required, metavar="FILE|VERSION|all",
        help=f"the file of an image, the version of an image in {FOLDER}/, or all of those images",
    )  # fmt: skip
    parser.add_argument(
        "--project", type=Path, default=Path(), metavar="DIRECTORY",
        help=f"the directory of pyproject.toml and {FOLDER}/ (default: the current one)",
    )  # fmt: skip


def _add_recording(parser: argparse.ArgumentParser) -> None:
    for option, what in (("--build", "build"), ("--run", "run, of those that are built,")):
        parser.add_argument(
            option, nargs="*", default=list(EVERYTHING), metavar="PATTERN",
            help=f"{what} only models whose builder matches a pattern, as in 'resnet*'; without a "
            "pattern, no model (default: all models)",
        )  # fmt: skip
    parser.add_argument(
        "--patience", type=float, default=process.PATIENCE, metavar="SECONDS",
        help="stop after this time without progress (default: %(default)s)",
    )  # fmt: skip


def _add_fresh(parser: argparse.ArgumentParser) -> None:
    text = "record the distribution, although none of its files changed since it was recorded"
    parser.add_argument("--fresh", action="store_true", help=text)


def _recorded(options: argparse.Namespace, distribution: str, *, is_new: bool) -> Image:
    """Record a distribution, unless that was done with the same files."""
    extent = Extent(tuple(options.build), tuple(options.run))
    kept = Kept(distribution, extent)
    found = None if is_new else kept.find()
    if found is not None:
        say(f"{found.name} {found.version} has not changed since it was recorded. To record it "
            "again: --fresh")  # fmt: skip
        return found
    with _watched(distribution) as tell:
        image = process.snapshot(distribution, extent=extent, tell=tell, patience=options.patience)
    kept.keep(image)
    return image


@contextmanager
def _watched(distribution: str) -> Iterator[Tell]:
    """Show progress on standard error: a bar on a terminal, else a line from time to time."""
    began = due = monotonic()
    with tqdm(disable=None, delay=1, leave=False, dynamic_ncols=True) as bar:

        def tell(what: str, number: int, total: int) -> None:
            nonlocal due
            if not bar.disable:
                bar.total, bar.n = total, number
                bar.set_description(catalog.printable(what)[:40], refresh=False)
                bar.refresh()
            elif monotonic() >= due + _INTERVAL:
                if due == began:
                    say(_LONG.format(distribution))
                due = monotonic()
                say(f"{number} of {total} recorded in {due - began:.0f} s; next: {what}")

        yield tell


def _guarded(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    try:
        return run(options)
    except DapiError as error:
        say(str(error))
        if getattr(options, "json", False) or getattr(options, "format", "") == "json":
            put_error(error)
        return FAILED
