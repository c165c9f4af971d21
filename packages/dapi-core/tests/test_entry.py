"""WeightEntry: an immutable description, short to write."""

import copy
import dataclasses
import hashlib
import pickle
from pathlib import Path

import pytest

from dapi import Asset, Build, File, Status, WeightEntry, lazy
from dapi.adapt import Drop, Take
from dapi.exceptions import NoWeightsError, WeightsDeclarationError

URL = "https://example.org/net.pth"


def test_entry_needs_only_a_url():
    """Everything but the URL has a default."""
    entry = WeightEntry(URL)

    assert (File(URL),) == entry.files
    assert (False, {}, Status(), Build()) == (entry.latest, entry.meta, entry.status, entry.build)


def test_entry_is_a_value():
    """It compares, hashes, pickles and copies by value."""
    entry = WeightEntry(
        URL,
        transforms=lazy("fractions:Fraction", numerator=1),
        meta={"categories": ["a", "b"]},
        mirrors=["https://mirror.example.org/net.pth"],
        build=Build(config={"num_classes": 2}, context={"m:C": {"eps": 0.0}}),
    )

    assert entry == pickle.loads(pickle.dumps(entry)) == copy.deepcopy(entry)
    assert hash(entry) == hash(dataclasses.replace(entry))
    assert entry != dataclasses.replace(entry, latest=True)


def test_entry_cannot_be_written_to():
    """Neither its attributes nor what they hold can be changed."""
    entry = WeightEntry(URL, meta={"task": "demo"}, build=Build(config={"a": 1}))

    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.url = "other"
    with pytest.raises(TypeError):
        entry.meta["task"] = "other"
    with pytest.raises(TypeError):
        entry.build.config["a"] = 2


def test_entry_prints_on_a_screen():
    """What is not the default, a line each; the URL and the hash whole, long values shortened."""
    digest = "0123456789abcdef" * 4
    entry = WeightEntry(
        f"{URL}/{'x' * 90}",
        sha256=digest,
        meta={f"key {n}": "value" * 20 for n in range(100)},
        build=Build(config={f"argument{n}": n for n in range(100)}, adapt=Drop("x")),
    )

    lines = repr(entry).splitlines()
    assert ["WeightEntry(", f"    url='{URL}/{'x' * 90}',"] == lines[:2]
    assert [f"    sha256='{digest}',", ")"] == [lines[3], lines[-1]]
    assert 6 == len(lines) and all(len(line) <= 100 for line in lines[2:])
    assert f"WeightEntry(url={URL!r})" == repr(WeightEntry(URL))
    secret = WeightEntry(URL, meta={"from": f"https://me:secret{'x' * 90}@example.org"})
    assert "secret" not in repr(secret) + repr(WeightEntry(f"{URL}?token=secret"))
    assert "Build(adapt=(Drop(pattern='x', unless=None),))" == repr(Build(adapt=Drop("x")))


@pytest.mark.parametrize("what", ["transforms", "postprocess"])
def test_entry_undeclared_factory_is_false_and_says_so_when_called(what):
    """What was not declared can be asked for, and explains itself when it is called."""
    factory = getattr(WeightEntry(URL), what)

    assert not factory
    with pytest.raises(NoWeightsError, match=f"WeightEntry.*{what}="):
        factory()


def test_entry_transforms_are_bound_to_its_assets():
    """A transform that names an asset gets the entry's file."""
    vocabulary = File("https://example.org/vocabulary.txt")
    entry = WeightEntry(
        URL,
        transforms=lazy("m:Tokenizer", vocabulary=Asset("vocabulary")),
        assets={"vocabulary": vocabulary},
    )

    other = File("https://example.org/other.txt")
    replaced = dataclasses.replace(entry, assets={"vocabulary": other})

    assert {"vocabulary": vocabulary} == entry.transforms.assets
    assert {"vocabulary": other} == replaced.transforms.assets


def test_entry_transforms_with_an_absent_asset_are_refused():
    """An entry that names an asset it lacks cannot be made."""
    with pytest.raises(WeightsDeclarationError, match="vocabulary.*It.*assets are: merges"):
        WeightEntry(
            URL,
            transforms=lazy("m:Tokenizer", vocabulary=Asset("vocabulary")),
            assets={"merges": File("https://example.org/merges.txt")},
        )


@pytest.mark.parametrize(
    "fields",
    [{"url": ()}, {"url": (File(URL),), "sha256": "00"}, {"url": (File(URL),), "size": 1}],
    ids=["no file", "sha256", "size"],
)
def test_entry_of_several_files_describes_each(fields):
    """Hash and size belong to each file of a checkpoint in parts."""
    with pytest.raises(WeightsDeclarationError, match="each File"):
        WeightEntry(**fields)


def test_from_file_describes_a_local_checkpoint(tmp_path):
    """One call gives URL, hash and size."""
    path = tmp_path / "net one.pth"
    path.write_bytes(b"weights")

    entry = WeightEntry.from_file(path, meta={"task": "demo"})

    assert (hashlib.sha256(b"weights").hexdigest(), 7) == (entry.sha256, entry.size)
    assert (path, "demo") == (entry.fetch(), entry.meta["task"])


def test_from_file_absent_is_an_error(tmp_path):
    """What is not there cannot be described; the error names what was given."""
    for path in (tmp_path / "absent" / "net.pth", tmp_path, "https://example.org/net.pth"):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            WeightEntry.from_file(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": None},
        {"url": ["https://example.org/1.pth"]},
        {"size": "12"},
        {"size": -1},
        {"transforms": "module:attribute"},
        {"build": {}},
        {"status": "withdrawn"},
        {"assets": {"vocabulary": "https://example.org/words.txt"}},
        {"meta": {"classes": {1, 2}}},
        {"sha256": 3},
        {"mirrors": 3},
        {"latest": "yes"},
        {"transforms": None},
        {"meta": None},
        {"url": Path("net.pth")},
        {"url": (URL,)},
        {"url": File(URL), "build": {"config": {}}},
        {"meta": {"classes": [{1, 2}] * 100_000}},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_entry_of_wrong_types_is_refused(fields):
    """A wrong type is an error when the entry is created, not when it is used."""
    with pytest.raises(WeightsDeclarationError) as caught:
        WeightEntry(**{"url": URL, **fields})
    assert len(str(caught.value)) < 300


def test_entry_of_what_others_would_write_is_told_what_to_write():
    """A path is described by from_file; what there is none of is left out."""
    with pytest.raises(WeightsDeclarationError, match=r"WeightEntry.from_file\('net.pth'\)"):
        WeightEntry(Path("net.pth"))
    with pytest.raises(WeightsDeclarationError, match=r"transforms=None\).*omit it"):
        WeightEntry(URL, transforms=None)


@pytest.mark.parametrize(
    "fields",
    [
        {"config": 3}, {"context": {"m:C": 3}}, {"adapt": 3}, {"adapt": ["x"]}, {"defaults": None},
        {"computed": 3}, {"computed": ["stft", 3]},
    ],
    ids=str,
)  # fmt: skip
def test_build_of_wrong_types_is_refused(fields):
    """When it is declared, not when a user builds."""
    with pytest.raises(WeightsDeclarationError, match=rf"Build\({next(iter(fields))}="):
        Build(**fields)


def test_build_takes_tensors_before_any_other_step():
    """Take is applied while the file is read: behind another step it would see other keys."""
    take, drop = Take("model", "ema"), Drop("x")

    assert take == Build(adapt=take).take == Build(adapt=(take, drop)).take
    assert Build().take is Build(adapt=drop).take is None
    with pytest.raises(WeightsDeclarationError, match="Take behind another step"):
        Build(adapt=(drop, take))


def test_entry_accepts_what_is_nearly_right():
    """One File, one step and one mirror need no tuple around them."""
    step = Drop("x")
    entry = WeightEntry(File(URL), build=Build(adapt=step))

    assert ((File(URL),), (step,)) == (entry.url, entry.build.adapt)
    assert ("stft",) == Build(computed="stft").computed == Build(computed=["stft"]).computed
    assert ("https://m.example.org/1",) == File(URL, mirrors="https://m.example.org/1").mirrors


def test_status_has_three_states():
    """A misspelt state would let withdrawn weights load."""
    with pytest.raises(WeightsDeclarationError, match="active, deprecated or withdrawn"):
        Status("withdraw")
