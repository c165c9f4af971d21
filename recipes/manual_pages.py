"""Sentences in many languages, out of the manual pages that Debian packages carry.

The pages of a program are translations of one another, so the split is by program: whatever
:func:`is_held_out` says of a name holds for its pages in every language. :func:`read` makes
:class:`Sentence` of packages that lie in a folder, and :func:`download` fetches them there.

What is no sentence of its page's language is left out: roff's requests, examples, synopses,
lists of options, whatever has more signs than letters, paragraphs that nobody translated, and
texts that stand in pages of two languages.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = (
    "cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "ja", "nb",
    "nl", "pl", "pt", "ro", "ru", "sr", "sv", "tr", "uk", "vi", "zh",
)  # fmt: skip
"""Codes of ISO 639, in the order of the outputs of what is trained."""

FOLDERS = {"pt_BR": "pt", "zh_CN": "zh", "zh_TW": "zh"}
"""What a language is called where its pages lie, if otherwise."""

IN_TWO_PARTS = ("cs", "da", "de", "es", "fr", "it", "ja", "nl", "pl", "pt-br", "ru", "uk")
PACKAGES = (
    "manpages",
    "manpages-dev",
    "coreutils",
    "util-linux",
    *(f"manpages-{code}" for code in sorted({*LANGUAGES, "pt-br"} - {"en", "pt"})),
    *(f"manpages-{code}-dev" for code in IN_TWO_PARTS),
)

FEWEST, MOST = 20, 300
"""Characters of a sentence."""

SCRIPTS = {
    **dict.fromkeys(("ru", "sr", "uk"), "\u0400-\u04ff"),
    "ja": "\u3040-\u30ff\u4e00-\u9fff",
    "zh": "\u4e00-\u9fff",
}


@dataclass(frozen=True, slots=True, order=True)
class Sentence:
    """A sentence of a manual page.

    Attributes:
        language: One of `LANGUAGES`.
        page: Where it stands, such as ``ls.1``.
        text: Between `FEWEST` and `MOST` characters, without markup.
    """

    language: str
    page: str
    text: str

    @property
    def is_held_out(self) -> bool:
        """Whether no weights were trained on its page."""
        return is_held_out(self.page.rpartition(".")[0])


def is_held_out(program: str) -> bool:
    """Return whether the pages of this name are kept for evaluation: one name in ten."""
    return int(hashlib.sha256(program.encode()).hexdigest()[:8], 16) % 10 == 0


def download(folder: Path) -> None:
    """Fetch the packages that are not in ``folder`` yet, from the machine's Debian mirror."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in PACKAGES if not list(folder.glob(f"{name}_*.deb"))]
    if missing:
        command = ["apt-get", "download", "--quiet", *missing]
        subprocess.run(command, cwd=folder, check=True)


def read(folder: Path) -> list[Sentence]:
    """Return the sentences of all packages in ``folder``, each text once, sorted."""
    found = {
        Sentence(language, page, text)
        for language, page, source in pages(folder)
        for text in sentences(source)
        if is_prose(text, language)
    }
    return sorted(held_out_once(untranslated_removed(sorted(found))))


def pages(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the language, the name and the source of each page in the packages."""
    for package in sorted(folder.glob("*.deb")):
        command = ["dpkg-deb", "--fsys-tarfile", str(package)]
        content = subprocess.run(command, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                parts = re.fullmatch(r"\./usr/share/man/(?:(\w+)/)?man\d/(.+)\.gz", member.name)
                file = archive.extractfile(member) if parts and member.isfile() else None
                if parts and file:
                    language = FOLDERS.get(parts[1], parts[1] or "en")
                    if language in LANGUAGES:
                        yield language, parts[2], gzip.decompress(file.read()).decode()


SKIPPED = {"nf": "fi", "EX": "EE", "TS": "TE", "ig": ".", "de": ".", "SY": "YS"}
"""Requests that begin what is no running text, and what ends it."""

SPACED, JOINED = {"B", "I", "SM", "SB"}, {"BR", "RB", "IR", "RI", "BI", "IB"}
"""Requests whose arguments are text: with spaces between them, and without."""


def sentences(source: str) -> Iterator[str]:
    """Yield what looks like a sentence in the running text of a page's source."""
    for paragraph in paragraphs(source):
        text = re.sub(r"\s+", " ", without_escapes(paragraph)).strip()
        # Where there is no space after the full stop, it is one of East Asia.
        yield from re.split(r"(?<=[.!?:…])\s+(?=[^\W\d_a-z])|(?<=[。！？])\s*", text)  # noqa: RUF001


def paragraphs(source: str) -> Iterator[str]:
    """Yield the running text of a page's source, with its escapes."""
    kept: list[str] = []
    until, is_tag = "", False
    for line in source.splitlines():
        request = re.match(r"[.']\s*(\w+|\\\"|\.)?\s*(.*)", line)
        if until:
            until = "" if request and request[1] == until else until
        elif is_tag and not (request and request[1] == '\\"'):
            is_tag = False  # what an option is called, above what it does
        elif not request:
            kept.append(line)
        elif request[1] in SPACED | JOINED:
            kept.append(arguments(request[2], "" if request[1] in JOINED else " "))
        elif request[1] != '\\"':
            yield "\n".join(kept)
            kept = []
            until, is_tag = SKIPPED.get(request[1] or "", ""), request[1] in ("TP", "TQ")
    yield "\n".join(kept)


def arguments(text: str, between: str) -> str:
    """Return the arguments of a request, without the quotes around them."""
    return between.join(a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', text))


ESCAPES = (
    (r'\\".*', ""),
    (r"\\\[u([0-9A-F]{4,5})\]", lambda found: chr(int(found[1], 16))),
    (r"\\f(\[\w*\]|\(..|.)|\\s[-+]?\d|\\\*(\(..|\[\w+\]|.)", ""),
    (r"\\\((lq|rq|dq)|\\\[(lq|rq|dq)\]", '"'),
    (r"\\\((aq|oq|cq)|\\\[(aq|oq|cq)\]", "'"),
    (r"\\\((em|en|hy)|\\\[(em|en|hy)\]|\\-", "-"),
    (r"\\\(..|\\\[[^]]*\]", " "),
    (r"\\[ ~0]", " "),
    (r"\\[&,/|^%:c{}]", ""),
    (r"\\(.)", r"\1"),
)


def without_escapes(text: str) -> str:
    """Return text without roff's escapes."""
    for pattern, replacement in ESCAPES:
        text = re.sub(pattern, replacement, text)
    return text


def is_prose(text: str, language: str) -> bool:
    """Return whether this is mostly letters, of the script that the language is written in."""
    if not FEWEST <= len(text) <= MOST or re.search(
        r"[{}<>=|\\_]{2}|https?:|\w\(\)|@|[.…]\]", text
    ):
        return False
    letters = re.findall(r"[^\W\d_]", text)
    script = SCRIPTS.get(language)
    own = re.findall(f"[{script}]", text) if script else letters
    return len(letters) >= 0.75 * len(text.replace(" ", "")) and len(own) >= 0.6 * len(letters)


def untranslated_removed(found: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences without texts of two languages, and without English in others."""
    languages = defaultdict(set)
    words: Counter[str] = Counter()
    for sentence in found:
        languages[sentence.text].add(sentence.language)
        if sentence.language == "en":
            words.update(in_words(sentence.text))
    english = {word for word, _ in words.most_common(3000)}
    return [
        sentence
        for sentence in found
        if len(languages[sentence.text]) == 1
        and (sentence.language == "en" or not is_written_with(english, sentence.text))
    ]


def is_written_with(words: set[str], text: str) -> bool:
    """Return whether half of the words of a text, or more, are among these."""
    own = in_words(text)
    return sum(word in words for word in own) >= 0.5 * max(len(own), 1)


def in_words(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return re.findall(r"[^\W\d_]+", text.lower())


def held_out_once(found: Iterable[Sentence]) -> list[Sentence]:
    """Return each text once, and held out only if all pages that have it are.

    Pages share sentences, such as the request to report mistakes.
    """
    by_text: dict[str, Sentence] = {}
    for sentence in sorted(found):
        known = by_text.setdefault(sentence.text, sentence)
        if known.is_held_out and not sentence.is_held_out:
            by_text[sentence.text] = sentence
    return list(by_text.values())
