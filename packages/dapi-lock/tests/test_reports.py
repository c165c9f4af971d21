"""Reports: a bill of materials by its published schema, and a model card for the Hub."""

import json

import pytest

import dapi
from dapi import catalog
from dapi.lock import Lock, LockedFile, LockedWeights, _sbom

pytestmark = pytest.mark.usefixtures("project")


def problems(text):
    """What the published schema says of a document; its licenses and formats are checked, too."""
    cyclonedx = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    validator = cyclonedx.JsonStrictValidator(SchemaVersion.V1_6)
    return [str(error.data)[:500] for error in validator.validate_str(text, all_errors=True) or ()]


@pytest.fixture
def bill(run):
    """Run dapi sbom on dapi.lock: the document."""

    def bill():
        status, printed = run("sbom")
        assert 0 == status, printed
        assert [] == problems(printed)
        return json.loads(printed)

    return bill


def test_bill_of_a_lock(zoo, hub, project, run, bill):
    """Weights with their metadata, repositories, every file with its hash and license."""
    pytest.importorskip("huggingface_hub")
    pytest.importorskip("dapi.vision")
    project("[project]\nname = 'shop'\n[tool.dapi]\nweights = ['talker', 'resnet20']\n")
    hub.repo("acme/tiny", {"a b.json": b"{}", "x.bin": bytes(2000)}, card={"license": "llama3.1"})
    assert 0 == run("lock", "hf:acme/tiny")[0]

    found = bill()

    by_name = {each["name"]: each for each in found["components"]}
    talker, tiny = by_name["acme-zoo/talker:Speech_RefV1"], by_name["acme/tiny"]
    resnet = by_name["dapi-vision/resnet20:Digits_RefV2"]
    assert "shop" == found["metadata"]["component"]["name"]
    assert "machine-learning-model" == talker["type"] == tiny["type"]
    assert "Apache-2.0" == talker["licenses"][0]["license"]["id"]
    assert "llama3.1" == tiny["licenses"][0]["license"]["name"]
    assert tiny["purl"].startswith("pkg:huggingface/acme/tiny@")
    vocoder = next(each for each in talker["components"] if each["name"] == "vocoder.safetensors")
    assert "CC-BY-NC-4.0" == vocoder["licenses"][0]["license"]["id"]
    card = resnet["modelCard"]
    assert "image-classification" == card["modelParameters"]["task"]
    assert card["modelParameters"]["datasets"][0]["name"].startswith("Optical Recognition")
    metric = card["quantitativeAnalysis"]["performanceMetrics"][0]
    assert {"type": "acc@1", "value": "99.02", "slice": "Digits, held out"} == metric
    library = by_name["dapi-vision"]
    needed = {each["ref"]: each["dependsOn"] for each in found["dependencies"]}
    assert library["purl"] in needed["dapi-vision/resnet20:Digits_RefV2"]
    assert found == bill()


def test_references_are_unique(project, run, bill):
    """Also with a source of any name."""
    folder = project("")
    (folder / "project").write_bytes(b"one")
    assert 0 == run("lock", "./project")[0]

    found = bill()

    refs = [each["bom-ref"] for each in (found["metadata"]["component"], *found["components"])]
    assert len(refs) == len(set(refs))


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_every_licence_and_every_metric_of_ours_conforms(step):
    """All installed weights in one document, as if each were locked; a sample by default."""
    weights = []
    for each in dapi.list_weights()[::step]:
        file = LockedFile("x.bin", "a" * 64, 5, ("https://example.org/x.bin?***",))
        license_ = str(each.meta.get("license", "unknown"))
        (name, *_) = catalog.qualified_names(each)
        weights.append(
            LockedWeights(
                name, ("x",), name.partition(":")[0], "1.0", "acme", "1.0", license_, "active",
                (file,),
            )
        )  # fmt: skip

    assert len(weights) > 100 / step
    assert [] == problems(json.dumps(_sbom.document(Lock(weights=tuple(weights)), "all")))


HOSTILE = "\x1b[31m\n---\nlicense: mit|<script>`\u2028\x9b"


def test_hostile_texts_stay_texts(zoo):
    """A stranger's names, licenses and addresses: the document conforms, and nothing is markup."""
    file = LockedFile(HOSTILE, "a" * 64, 5, ("https://example.org/" + HOSTILE,), license=HOSTILE)
    weights = LockedWeights(
        "acme/x", (HOSTILE,), "", "", "", "", HOSTILE, "active", (file,), revision="b" * 40
    )

    text = json.dumps(_sbom.document(Lock(weights=(weights,)), HOSTILE))

    assert [] == problems(text) and "\x1b" not in text


def load_card(text):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    return huggingface_hub.ModelCard(text)


def test_card_is_read_by_the_hubs_tool(run):
    """Its metadata block, with results; and the text that people read."""
    pytest.importorskip("dapi.vision")
    status, printed = run("card", "resnet20")

    card = load_card(printed)
    assert 0 == status
    assert ("bsd-3-clause", "dapi", "image-classification") == (
        card.data.license, card.data.library_name, card.data.pipeline_tag,
    )  # fmt: skip
    (result,) = card.data.eval_results
    assert ("acc@1", 99.02, "Digits, held out") == (
        result.metric_type, result.metric_value, result.dataset_name,
    )  # fmt: skip
    assert 'dapi.get_model("dapi-vision/resnet20:Digits_RefV2")' in card.content
    assert "cafb59dd9536130c" in card.content


def test_every_card_of_ours_is_read():
    """Whatever license, data sets and metrics the weights have."""
    from dapi.lock import _card

    for each in dapi.list_weights()[::11]:
        (name, *_) = catalog.qualified_names(each)
        card = load_card(_card.card(name, each, "1.0"))
        assert card.data.license is None or card.data.license in card.content.lower()
        metrics = list(catalog.metrics(each.meta))
        assert len(metrics) == len(card.data.eval_results or [])


def test_card_of_hostile_metadata_is_one_card(zoo, run):
    """No text of a publisher ends the block, or becomes markup."""
    zoo.release(license=HOSTILE.replace("\n", "\\n").replace("\x1b", "\\x1b"))

    status, printed = run("card", "net:Digits_RefV1", "-o", "CARD.md")

    with open("CARD.md", encoding="utf-8") as stream:
        card = load_card(stream.read())
    assert 0 == status and "written" in printed
    assert "other" == card.data.license and "\x1b" not in card.content
    assert "<script>" not in card.text


def test_model_without_weights_is_told(run):
    """And a name that is none."""
    assert 1 == run("card", "nett")[0]
