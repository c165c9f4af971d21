"""recipes/manual_pages.py: what a sentence is, and which of them are held out."""

import gzip
import shutil
import subprocess

import pytest

PAGE = r"""
.\" a comment
.TH LS 1 "September 2022"
.SH BEZEICHNUNG
ls \- Verzeichnisinhalte auflisten, wie sie hier liegen
.SH BESCHREIBUNG
.PP
Auflistung der Dateien in \fBdiesem\fP Ordner. Die Eintr\[u00E4]ge werden alphabetisch
sortiert, falls \fB\-c\fP fehlt.
.nf
for i in *; do echo "This is no running text at all"; done
.fi
.TP
\fB\-a\fP, \fB\-\-all\fP
Eintr\[u00E4]ge nicht ignorieren, die so beginnen
.B Fette
.BR W " orte" ,
die \(lqdazu\(rq zu einem Satz mit mehr Worten werden
"""


@pytest.fixture(scope="module")
def pages(recipe):
    """The module."""
    return recipe("manual_pages")


@pytest.fixture
def sentence(pages):
    """A sentence of a language, on a page."""
    return lambda language, page, text: pages.Sentence(language, page, text)


def test_sentences_are_without_markup(pages):
    """Requests, tags and examples are left out; fonts, escapes and lines leave no trace."""
    found = [text for text in pages.sentences(PAGE) if pages.is_prose(text, "de")]
    assert found == [
        "ls - Verzeichnisinhalte auflisten, wie sie hier liegen",
        "Auflistung der Dateien in diesem Ordner.",
        "Die Einträge werden alphabetisch sortiert, falls -c fehlt.",
        'Einträge nicht ignorieren, die so beginnen Fette W orte, die "dazu" zu einem Satz mit '
        "mehr Worten werden",
    ]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param("de", "Zu kurz.", id="short"),
        pytest.param("de", "Wort " * 70, id="long"),
        pytest.param("de", "ls [OPTION...] [DATEI...] [UND NOCH EINE...]", id="synopsis"),
        pytest.param("de", "0x00 0x01 0x02 0x03 0x04 und so weiter", id="numbers"),
        pytest.param("ru", "This was not translated into Russian.", id="script"),
        pytest.param("ja", "これは https://example.org/ にあります。", id="address"),
    ],
)
def test_other_text_is_left_out(pages, language, text):
    """What is too short, too long, mostly signs, or in another script."""
    assert not pages.is_prose(text, language)


def test_east_asian_sentences_end_without_a_space(pages):
    """The full stop alone separates them."""
    text = "ファイルを一覧表示します。要素はアルファベット順です。"
    assert [text[:13], text[13:], ""] == list(pages.sentences(text))


@pytest.mark.parametrize("name", ["ls", "printf", "systemd.unit"])
def test_program_is_split_alike_everywhere(pages, sentence, name):
    """The name of the page decides, whatever its section and language."""
    expected = pages.is_held_out(name)
    assert {expected} == {
        sentence(code, f"{name}.{section}", "text").is_held_out
        for code in pages.LANGUAGES
        for section in ("1", "3", "3p")
    }


def test_one_program_in_ten_is_held_out(pages):
    """Over many names."""
    held_out = sum(pages.is_held_out(f"program{number}") for number in range(5000))
    assert 0.085 < held_out / 5000 < 0.115


def test_untranslated_text_is_left_out(pages, sentence):
    """English words in a translated page, and one text in two languages, are nobody's."""
    kept = sentence("de", "cp.1", "Dateien und Verzeichnisse an ihren Platz kopieren")
    english = sentence("en", "cp.1", "copy files and directories to where they belong")
    found = [
        kept,
        english,
        sentence("de", "cp.1", "copy directories to where files belong"),
        sentence("da", "cp.1", "Skrevet av Torbjørn Granlund og andre"),
        sentence("nb", "cp.1", "Skrevet av Torbjørn Granlund og andre"),
    ]
    assert [kept, english] == pages.untranslated_removed(found)


def test_shared_sentence_is_not_held_out(pages, sentence):
    """A text that a page to train on has, too, is not measured on."""
    names = [f"program{number}.1" for number in range(30)]
    text = "Fehler werden an die bekannte Adresse gemeldet."
    found = [sentence("de", name, text) for name in names]
    assert {True, False} == {each.is_held_out for each in found}

    (once,) = pages.held_out_once(found)
    assert not once.is_held_out
    (alone,) = pages.held_out_once(each for each in found if each.is_held_out)
    assert alone.is_held_out


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_pages_of_a_package_are_read(pages, tmp_path):
    """Language and page are where the file lies; other languages are passed over."""
    tree = tmp_path / "tree"
    for path in ("pt_BR/man1/ls.1.gz", "man8/ls.8.gz", "xx/man1/ls.1.gz"):
        file = tree / "usr/share/man" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(gzip.compress(path.encode()))
    control = "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n"
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(control)
    command = ["dpkg-deb", "--build", str(tree), str(tmp_path / "p_1_all.deb")]
    subprocess.run(command, check=True, capture_output=True)

    expected = [("en", "ls.8", "man8/ls.8.gz"), ("pt", "ls.1", "pt_BR/man1/ls.1.gz")]
    assert expected == sorted(pages.pages(tmp_path))
