"""Check that every link of a built site leads somewhere inside it.

    python docs/check_site.py build/site

Whatever built it: links, anchors, pictures, styles and scripts are read from the HTML. Addresses
outside of the site are not asked; a script, style or picture that lies there is an error, since
the site makes no request to others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Reader(HTMLParser):
    """Collects what a page links to, what it loads, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {"", "__skip"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read a tag."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values.get("id", ""), values.get("name", "")}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(values.get("href", ""))
        elif "src" in values:
            self.loads.append(values["src"])


@cache
def read(path: Path) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return reader


def problems(site: Path) -> Iterator[str]:
    """Say what is wrong, a line each."""
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site)
        for address in read(page).loads:
            if urlsplit(address).netloc:
                yield f"{name}: loads {address}, which is not in the site"
        for address in [*read(page).links, *read(page).loads]:
            parts = urlsplit(address)
            if not parts.scheme and not parts.netloc and not _exists(site, page, address):
                yield f"{name}: {address} leads nowhere"


def _exists(site: Path, page: Path, address: str) -> bool:
    parts = urlsplit(address)
    place = (
        site / parts.path.lstrip("/") if parts.path.startswith("/") else page.parent / parts.path
    )
    path = Path(unquote(str(place))) if parts.path else page
    path = path / "index.html" if path.is_dir() else path
    if not path.is_file():
        return False
    # The catalogue reads what stands behind its own "#".
    by_script = path.name == "weights.html"
    return path.suffix != ".html" or by_script or unquote(parts.fragment) in read(path).anchors


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1])))
    sys.exit("\n".join(found) or 0)
