"""What the entries say is what torchaudio's 40 bundles say."""

import inspect
import re
from pathlib import Path

import pytest
import torch
import torchaudio
from torchaudio import pipelines

import dapi
from dapi import BuilderConfig
from dapi.catalog import Arguments

PUBLISHED = "https://download.pytorch.org/torchaudio/"
BUNDLES = {
    name: found
    for name in pipelines.__all__
    if not isinstance(found := getattr(pipelines, name), type)
}
ENTRIES = [
    m for name in dapi.list_models(distribution="dapi-audio") for m in dapi.list_weights(name)
]
MEMBERS = {name: member for member in ENTRIES for name in member.meta.get("known_as", ())}


def named(*kinds):
    """The names of the bundles of some kinds."""
    return [name for name, bundle in BUNDLES.items() if isinstance(bundle, kinds)]


def url_of(bundle):
    """Where a bundle gets its weights."""
    if isinstance(bundle, pipelines.Wav2Vec2Bundle):
        return bundle._path if ":" in bundle._path else f"{PUBLISHED}models/{bundle._path}"
    for attribute, folder in {
        "_tacotron2_path": "models/",
        "_path": "models/",
        "_rnnt_path": "",
        "_model_path": "",
    }.items():
        if hasattr(bundle, attribute):
            return PUBLISHED + folder + getattr(bundle, attribute)
    raise AssertionError(bundle)


def licence_in(text):
    """The SPDX expression of what a bundle's documentation says."""
    if re.search(r"CC.BY.NC 4\.0|Attribution Non Commercial 4\.0", text):
        return "CC-BY-NC-4.0"
    if "Creative Commons Attribution 4.0" in text:
        return "CC-BY-4.0"
    return "MIT" if "under MIT License" in text else "unknown"


def test_every_bundle_has_exactly_one_entry():
    """40 of them; all else is the vocoder, which is part of two, and what we trained ourselves."""
    names = [name for member in ENTRIES for name in member.meta.get("known_as", ())]

    assert len(BUNDLES) == 40
    assert sorted(names) == sorted(BUNDLES)
    others = [m for m in ENTRIES if "known_as" not in m.meta and not m.url.startswith("package:")]
    assert [str(m) for m in others] == ["wavernn:LJSpeech_RefV1"]


@pytest.mark.parametrize("name", BUNDLES)
def test_file_is_the_bundles(name):
    """The URL from which torchaudio would download."""
    assert MEMBERS[name].url == url_of(BUNDLES[name])


@pytest.mark.parametrize(
    "name", [name for name in BUNDLES if hasattr(BUNDLES[name], "sample_rate")]
)
def test_sample_rate_is_the_bundles(name):
    """In meta, and in the transforms that resample to it."""
    member = MEMBERS[name]

    assert BUNDLES[name].sample_rate == member.meta["sample_rate"]
    assert BUNDLES[name].sample_rate == member.transforms.kwargs["sample_rate"]


@pytest.mark.parametrize("name", named(pipelines.Wav2Vec2ASRBundle))
def test_labels_and_reserved_rows_are_the_bundles(name):
    """The labels with the blank, in meta and where they are read; rows of the head with none."""
    bundle, member = BUNDLES[name], MEMBERS[name]
    star = {"star": None} if name == "MMS_FA" else {}

    assert bundle.get_labels(**star) == member.meta["labels"]
    assert "".join(member.meta["labels"]) == member.postprocess.kwargs["labels"]
    assert len(member.meta["labels"]) == member.build.config["aux_num_out"]
    assert bundle._remove_aux_axis == member.build.adapt[0].rows


@pytest.mark.parametrize("name", BUNDLES)
def test_licence_and_recipe_are_in_the_bundles_documentation(name):
    """The license by its words, with the URL that they link; and where the training is."""
    meta = MEMBERS[name].meta
    text = "unknown" if name.startswith("TACOTRON2") else BUNDLES[name].__doc__

    assert licence_in(text) == meta["license"]
    assert (meta["license"] == "unknown") == ("license_source" not in meta)
    assert meta.get("license_source", "") in text
    assert name.startswith("TACOTRON2") or meta["recipe"] == "unknown" or meta["recipe"] in text


@pytest.mark.parametrize("member", [m for m in ENTRIES if m.size], ids=str)
def test_size_is_that_of_the_numbers_in_the_file(member):
    """Four bytes each, and what a .pth needs beside them: the pinned sizes are plausible."""
    reserved = len(member.build.adapt[0].rows) if member.build.adapt else 0
    numbers = member.meta["num_params"]
    if reserved:
        model = dapi.get_model(str(member).partition(":")[0], weights=member, device="meta")
        numbers += reserved * (model.aux.in_features + 1)

    assert 0 < member.size - 4 * numbers < 200_000


@pytest.mark.parametrize("member", ENTRIES, ids=str)
def test_who_stands_for_a_hash_is_said(member):
    """How many projects pin it, where one does; that none does, where the first use is trusted."""
    said = member.meta["hash_source"]

    assert bool(re.match("pinned (by 1|alike by [0-9]+ independent) public|measured", said)) == (
        member.sha256 is not None
    )
    assert member.sha256 is not None or said == "not published: trusted on first use"
    assert "by 1 independent" not in said


@pytest.mark.parametrize("member", ENTRIES, ids=str)
def test_num_params_is_counted(member):
    """Over the parameters of the model, on meta."""
    model = dapi.get_model(str(member).partition(":")[0], weights=member, device="meta")

    assert member.meta["num_params"] == sum(p.numel() for p in model.parameters())
    assert all(p.is_meta or isinstance(p, torch.nn.Parameter) for p in model.parameters())


def test_features_of_the_transducer_are_the_bundles():
    """Every number of its transforms, and the addresses of its assets."""
    member, bundle = (
        MEMBERS["EMFORMER_RNNT_BASE_LIBRISPEECH"],
        pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH,
    )
    given = {k: v for k, v in member.transforms.kwargs.items() if k != "statistics"}

    assert given == {key: getattr(bundle, f"_{key}") for key in given}
    assert member.assets["statistics"].url == PUBLISHED + bundle._global_stats_path
    assert member.assets["pieces"].url == PUBLISHED + bundle._sp_model_path
    for key in ("blank", "segment_length", "right_context_length", "hop_length"):
        assert member.meta[key] == getattr(bundle, f"_{key}")
    assert member.build.config == bundle._rnnt_factory_func.keywords


@pytest.mark.parametrize("name", named(pipelines.SourceSeparationBundle))
def test_sources_are_the_bundles(name):
    """As many, and by the names that it gives them."""
    expected = BUNDLES[name]._model_factory_func.keywords
    member = MEMBERS[name]

    assert {
        k: list(v) if isinstance(v, tuple) else v for k, v in member.build.config.items()
    } == expected
    assert member.meta["sources"] == member.postprocess.kwargs["names"]


PEERS = {
    "tacotron2": torchaudio.models.Tacotron2,
    "tacotron2_tiny": torchaudio.models.Tacotron2,
    "transformer_ctc_tiny": torchaudio.models.wav2vec2_model,
    "wavernn": torchaudio.models.WaveRNN,
}
OURS = {"weights", "progress", *BuilderConfig.__annotations__}
FIXED = {"extractor_mode", "extractor_conv_layer_config", "extractor_conv_bias"}


@pytest.mark.parametrize("name", dapi.list_models(distribution="dapi-audio"))
def test_declared_arguments_are_torchaudios(name):
    """All that its function or class takes, and none that it does not take."""
    declared = Arguments.of(dapi.get_builder(name), name)
    theirs = PEERS.get(name) or getattr(torchaudio.models, name, None)

    assert not declared.takes_others
    if theirs:
        assert set(declared.types) - OURS == set(inspect.signature(theirs).parameters) - FIXED


@pytest.mark.parametrize("member", ENTRIES, ids=str)
def test_members_give_declared_arguments(member):
    """What an entry says of building is of the types that the builder declares."""
    name = str(member).partition(":")[0]
    declared = Arguments.of(dapi.get_builder(name), name)
    for argument, value in {**member.build.defaults, **member.build.config}.items():
        assert value == declared.admit(argument, value)


def test_spectrograms_of_an_rnnt_are_the_bundles():
    """Each property of the bundle is in meta under its name."""
    bundle, meta = (
        BUNDLES["EMFORMER_RNNT_BASE_LIBRISPEECH"],
        MEMBERS["EMFORMER_RNNT_BASE_LIBRISPEECH"].meta,
    )
    for name in ("sample_rate", "n_fft", "n_mels", "hop_length"):
        assert meta[name] == getattr(bundle, name)
    assert meta["segment_length"] == bundle.segment_length
    assert meta["right_context_length"] == bundle.right_context_length


@pytest.mark.parametrize("name", named(pipelines.Tacotron2TTSBundle))
def test_spectrograms_of_text_to_speech_are_the_bundles(name):
    """As its vocoder takes them, or its documentation states them."""
    bundle, meta = BUNDLES[name], MEMBERS[name].meta
    stated = dict(re.findall(r"``(?:mel_)?(\w+)=(\d+)``", bundle.__doc__))
    if not stated:
        vocoder = bundle.get_vocoder()
        mel, inverse = vocoder._inv_mel, vocoder._griffin_lim
        stated = {"n_fft": inverse.n_fft, "hop_length": inverse.hop_length}
        stated |= {"win_length": inverse.win_length, "fmin": mel.f_min, "fmax": mel.f_max}
    names = {"fmin": "f_min", "fmax": "f_max"}

    assert meta["spectrogram"] == {
        "sample_rate": meta["sample_rate"],
        "n_mels": bundle._tacotron2_params["n_mels"],
        **{names.get(key, key): float(value) for key, value in stated.items()},
    }
    for key in ("n_fft", "n_mels", "hop_length"):
        assert meta[key] == meta["spectrogram"][key]


@pytest.mark.parametrize("name", named(pipelines.Wav2Vec2ASRBundle))
def test_labels_are_the_bundles(name):
    """As ``get_labels`` returns them: with the blank first."""
    bundle, member = BUNDLES[name], MEMBERS[name]
    labels = super(type(bundle), bundle).get_labels() if name == "MMS_FA" else bundle.get_labels()

    assert tuple(member.meta["labels"]) == labels
    assert tuple(member.postprocess().labels)[: len(labels)] == labels


def test_coming_from_torchaudio_names_all_that_bundles_have():
    """Every public method and property of every bundle, and of what its methods return."""
    page = (Path(__file__).parents[3] / "docs" / "coming-from.md").read_text("utf-8")
    section = page.partition("## From torchaudio")[2].partition("\n## ")[0]
    public = {
        name
        for bundle in BUNDLES.values()
        for name in dir(bundle)
        if not name.startswith("_") and name[0].islower()
    }

    assert len(public) > 15
    assert [name for name in sorted(public) if name not in section] == []
