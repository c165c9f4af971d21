"""Find phrases in sources and documentation that are hard to read, and suggest better ones.

Run by ``nox -s lint``. Every text file that Git tracks is checked, except tests, licenses, data and
``CHANGELOG.md``. A line that must contain a phrase ends in the comment ``words: allow``.

Usage::

    python tools/check_words.py [FILE ...]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

# By phrase, as a regular expression whose spaces match line breaks: what to write instead.
PHRASES: Final = {
    r"all the same[.,:;)]": "anyway",
    r"any more[.,:;)]": "no longer",
    r"argument(s)? of the past": "deprecated argument",
    r"at hand": "available, installed",
    r"(can|could|cannot|must) be had": "be downloaded, be obtained",
    r"forbids to": "prevents ...ing",
    r"go(es|ing|ne)? on with": "continue, resume",
    r"has got no": "made no ...",
    r"in our words": "name the error",
    r"in vain": "without success",
    r"is no (enum|function|mapping|member|number) of": "is not a ...",
    r"is told (here|the)": "the error names ...",
    r"mend(s|ed|ing)?": "repair",
    r"nobody's": "name the thing",
    r"obituar(y|ies)": "tombstone",
    r"on (its|their) way": "incomplete, being downloaded",
    r"so many (bytes|digits|files|frames)": "the number of ...",
    r"a stranger's": "untrusted",
    r"what cannot be": "name the thing",
    r"without a word": "silently",
}
KINDS: Final = {".md", ".py", ".pyi"}
SKIPPED: Final = re.compile(
    r"(?:^|/)(?:tests|licenses|data)/|^CHANGELOG\.md$|^tools/check_words\.py$"
)
ALLOWED: Final = "words: allow"
# Within a line, or from one line of prose, a comment or a string to the next.
_SPACE: Final = r'(?:\s+(?:# )?| ?"\s+f?" ?)'


def main(arguments: list[str]) -> int:
    """Check the given files, or all tracked ones; return 1 if a phrase was found."""
    names = arguments or _tracked()
    found = [hit for name in names for hit in check(name, Path(name).read_text(encoding="utf-8"))]
    for hit in found:
        print(hit)
    return 1 if found else 0


def check(name: str, text: str) -> list[str]:
    """List the phrases in a text, also those that break across two lines.

    >>> check("a.md", "A cut download is gone on with.")
    ["a.md:1: 'gone on with': write: continue, resume"]
    """
    lines = text.splitlines()
    hits = []
    for phrase, better in PHRASES.items():
        pattern = re.compile(rf"\b(?:{phrase})(?!\w)".replace(" ", _SPACE), re.IGNORECASE)
        for match in pattern.finditer(text):
            number = text.count("\n", 0, match.end())
            if ALLOWED not in lines[number]:
                words = " ".join(re.sub(r'["#]', " ", match[0]).split())
                hits.append((number + 1, f"{name}:{number + 1}: {words!r}: write: {better}"))
    return [hit for _, hit in sorted(hits)]


def _tracked() -> list[str]:
    """List the files that Git tracks and that people read."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - git
    return [
        name
        for name in listed.split("\0")
        if Path(name).suffix in KINDS and not SKIPPED.search(name)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
