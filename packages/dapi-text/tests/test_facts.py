"""What the entries say: torchtext's bundles are answered, and nothing is claimed that is not so."""

import pytest
import transformers

import dapi
from dapi import File
from dapi.catalog import Arguments

# torchtext 0.18, its last release: every bundle of torchtext.models.
SIZED = ["T5_SMALL", "T5_BASE", "T5_LARGE", "T5_3B", "T5_11B"]
FLAN = ["FLAN_T5_BASE", "FLAN_T5_LARGE", "FLAN_T5_XL", "FLAN_T5_XXL"]
BUNDLES = [
    "XLMR_BASE_ENCODER",
    "XLMR_LARGE_ENCODER",
    "ROBERTA_BASE_ENCODER",
    "ROBERTA_LARGE_ENCODER",
    "ROBERTA_DISTILLED_ENCODER",
    *(f"{size}{part}" for size in SIZED + FLAN for part in ("", "_ENCODER", "_GENERATION")),
]
BUILDERS = dapi.list_models(distribution="dapi-text")
MEMBERS = [member for name in BUILDERS for member in dapi.list_weights(name)]


def files(member):
    return (*member.files, *(a for a in member.assets.values() if isinstance(a, File)))


def test_there_are_32_bundles():
    """As many as torchtext had."""
    assert len(set(BUNDLES)) == len(BUNDLES) == 32


@pytest.mark.parametrize("bundle", BUNDLES)
def test_bundle_is_answered_by_one_member(bundle):
    """Who knows a bundle's name finds what it is here, and it does what the bundle did."""
    (member,) = (member for member in MEMBERS if bundle in member.meta["known_as"])
    part = member.build.config.get("part", "encoder")
    ending = {"generation": "_GENERATION", "encoder": "_ENCODER", "encoder-decoder": ""}[part]
    assert bundle.endswith(ending)
    assert ("GENERATION" in bundle, "ENCODER" in bundle) == (
        part == "generation",
        part == "encoder",
    )


def test_no_name_is_given_twice():
    """A predecessor's name leads to one member."""
    names = [name for member in MEMBERS for name in member.meta["known_as"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_repository_is_a_name_of_it(member):
    """The Hugging Face id of the file's repository is known, by the member that takes all of it."""
    url = member.files[0].url
    if not url.startswith("https://huggingface.co/"):
        return
    repository = "/".join(url.split("/")[3:5])
    sharing = [each for each in MEMBERS if each.files == member.files]
    assert repository in sharing[0].meta["known_as"]


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_revision_is_pinned_or_its_absence_is_said(member):
    """A file of ``main`` may change under us: the entry says so."""
    is_moving = any("/resolve/main/" in file.url for file in files(member))
    assert is_moving == ("not pinned" in member.meta["hash_source"])


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_trust_on_first_use_is_said(member):
    """Weights that no published hash stands for are told from those that are pinned."""
    says = member.meta["hash_source"].startswith("not published: trusted on first use")
    assert says == (not all(file.is_pinned for file in member.files))


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_members_give_declared_arguments(member):
    """What an entry says of building is of the types that the builder declares."""
    name = str(member).partition(":")[0]
    declared = Arguments.of(dapi.get_builder(name), name)
    assert not declared.takes_others
    for argument, value in {**member.build.defaults, **member.build.config}.items():
        assert value == declared.admit(argument, value)


CONFIGS = {
    "bert": transformers.BertConfig,
    "deberta_v3": transformers.DebertaV2Config,
    "distilbert": transformers.DistilBertConfig,
    "electra": transformers.ElectraConfig,
    "minilm": transformers.BertConfig,
    "mpnet": transformers.MPNetConfig,
    "roberta": transformers.RobertaConfig,
    "t5": transformers.T5Config,
    "xlm_roberta": transformers.XLMRobertaConfig,
}
# What a file of transformers says of itself, and what follows from other attributes.
THEIR_OWN = {"architectures", "dense_act_fn", "is_gated_act", "transformers_version"}


@pytest.mark.parametrize("name", BUILDERS)
def test_declared_arguments_are_those_of_transformers(name):
    """All attributes of the configuration, by either of their names."""
    builder = dapi.get_builder(name)
    config = CONFIGS[builder.__module__.rpartition(".")[2]]
    theirs = {each for each in vars(config()) if not each.startswith("_")} - THEIR_OWN

    assert theirs | set(config.attribute_map) <= set(Arguments.of(builder, name).types)


@pytest.mark.parametrize("name", BUILDERS)
def test_first_latest_is_what_the_name_means(name):
    """Every member is the latest of its recipe; LATEST is the first."""
    members = dapi.list_weights(name)
    assert all(member.latest for member in members)
    assert type(members[0]).get_latest() is members[0]
