"""Weights for a model, of its own distribution and of others."""

import sys

import pytest

import dapi
from dapi import catalog
from dapi._cli import main
from dapi.exceptions import (
    AmbiguousModelError,
    NoWeightsError,
    PluginWarning,
    UnknownModelError,
    UnknownWeightsError,
    WeightsTypeError,
)

pytestmark = pytest.mark.usefixtures("forget_registered")


def test_weights_of_another_distribution_are_offered(install, advertise, template):
    """An enum that a distribution offers for somebody else's builder is found, after its own."""
    install("acme-one")
    source = template.format(enum="PlantWeights", name="unused", module="acme_plants", known_as=())
    source = source.replace("First_", "Plants_")
    points = "[dapi.weights]\nfancynet = acme_plants:PlantWeights\n"
    advertise("aaa-plants", points, folder="plants", acme_plants=source)

    names = ["First_RefV1", "First_RefV2", "Plants_RefV1", "Plants_RefV2"]
    assert names == [weights.name for weights in dapi.list_weights("fancynet")]
    plants = dapi.get_weights("fancynet:Plants_RefV1")
    assert plants is dapi.get_weights("aaa-plants/fancynet:Plants_RefV1")
    assert "acme_one" == dapi.get_builder("fancynet")(weights=None)
    assert (
        "First_RefV2" == dapi.get_builder("fancynet").__dapi_builder__.weights[0].get_latest().name
    )
    with pytest.raises(UnknownWeightsError):
        dapi.get_weights("aaa-plants/fancynet:First_RefV1")
    sys.modules.pop("acme_plants")


def test_distribution_that_only_has_weights_names_them(install, advertise, template):
    """Who asks it for the model is told the weights, which are what it has."""
    install("acme-one")
    source = template.format(enum="OfferWeights", name="unused", module="m", known_as=())
    points = "[dapi.weights]\nfancynet = acme_offers:OfferWeights\n"
    advertise("acme-offers", points, folder="offers", acme_offers=source)

    with pytest.raises(
        UnknownModelError, match="is called fancynet:acme-offers/First_RefV1 or fan"
    ):
        dapi.get_model("acme-offers/fancynet")
    assert "First_RefV1" == dapi.get_weights("acme-offers/fancynet:First_RefV1").name
    sys.modules.pop("acme_offers", None)


def test_weights_of_others_are_never_the_latest(advertise, template, capsys):
    """A model without weights of its own has none to fetch by its name, as it has none to load."""
    offer = template.format(enum="OfferWeights", name="unused", module="m", known_as=())
    points = "[dapi.weights]\nbare_net = acme_offers:OfferWeights\n"
    advertise("acme-offers", points, folder="offers", acme_offers=offer)
    bare = "import dapi\n\n@dapi.register_model()\ndef bare_net(*, weights=None): ...\n"
    points = "[dapi.models]\nbare_net = acme_bare:bare_net\n"
    advertise("acme-bare", points, folder="bare", acme_bare=bare)

    with pytest.raises(NoWeightsError):
        dapi.get_model("bare_net", weights=dapi.LATEST)
    assert 1 == main(["fetch", "bare_net"])
    assert "no published weights of its own. For those of others: dapi show bare_net" in (
        capsys.readouterr().err
    )
    sys.modules.pop("acme_offers", None)
    sys.modules.pop("acme_bare", None)


def test_broken_offer_is_skipped_with_a_warning(install, advertise):
    """A third party's broken enum does not hide the builder's own weights."""
    install("acme-one")
    points = "[dapi.weights]\nfancynet = acme_broken:Weights\n"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.warns(PluginWarning, match="acme-broken could not be loaded"):
        assert 2 == len(dapi.list_weights("fancynet"))


def test_broken_distribution_is_warned_of_once(install, advertise):
    """However many models it has."""
    install("acme-one")
    lines = "".join(f"broken{n} = acme_broken:Net{n}\n" for n in range(9))
    points = f"[dapi.models]\n{lines}[dapi.weights]\n{lines}"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.warns(PluginWarning) as said:
        dapi.list_weights()
    (text,) = [str(each.message) for each in said if "acme-broken" in str(each.message)]
    assert text.startswith("Weights for broken0 and 8 more models were skipped. acme-broken could")


def test_offer_that_is_no_enum_of_weights_is_skipped(install, advertise):
    """What is no subclass of Weights does not hide the builder's own."""
    install("acme-one")
    advertise(
        "acme-odd",
        "[dapi.weights]\nfancynet = acme_odd:Plain\n",
        folder="odd",
        acme_odd="import enum\nclass Plain(enum.Enum):\n    A = 1\n",
    )

    with pytest.warns(PluginWarning, match="not a subclass of dapi.Weights"):
        assert 2 == len(dapi.list_weights("fancynet"))
    sys.modules.pop("acme_odd", None)


def test_weights_of_a_namesake_are_refused(install):
    """Two distributions have a builder of one name: neither takes the other's weights."""
    install("acme-one")
    install("acme-two")
    builder = dapi.get_builder("acme-one/fancynet")
    other = dapi.get_weights("acme-two/fancynet:First_RefV1")

    assert "acme-two/fancynet:First_RefV1" == str(other)
    with pytest.raises(WeightsTypeError):
        builder(weights=other)


@pytest.fixture
def publish(advertise, template):
    """Offer weights for somebody else's builder: ``publish(distribution, *targets)``."""
    modules = []

    def add(distribution, *targets, member="Leaves"):
        module = distribution.replace("-", "_")
        modules.append(module)
        sources = [
            template.format(enum=f"Enum{rank}", name=f"unused{rank}", module=module, known_as=())
            for rank in range(len(targets))
        ]
        points = "".join(f"{target} = {module}:Enum{rank}\n" for rank, target in enumerate(targets))
        source = "\n".join(sources).replace("First_", f"{member}_")
        advertise(distribution, f"[dapi.weights]\n{points}", folder=module, **{module: source})

    yield add
    for module in modules:
        sys.modules.pop(module, None)


def test_listed_name_says_who_published_weights_for_another_builder(install, publish):
    """Weights for somebody else's builder have their publisher in the name, and it is taken."""
    install("acme-one")
    publish("leaf-weights", "acme-one/fancynet")
    leaves = dapi.list_weights("fancynet")[-1]

    assert "fancynet:leaf-weights/Leaves_RefV2" == str(leaves)
    assert leaves is dapi.get_weights(str(leaves))
    assert "acme_one" == dapi.get_builder(leaves)(weights=None)
    assert [str(leaves)] == [str(each) for each in dapi.search("Leaves_RefV2")]
    assert ["acme-one/fancynet:leaf-weights/Leaves_RefV2"] == catalog.qualified_names(leaves)


@pytest.mark.parametrize(
    "name",
    [
        "fancynet:leaf-weights/Leaves_RefV1",
        "acme-one/fancynet:leaf-weights/Leaves_RefV1",
        "leaf-weights/fancynet:Leaves_RefV1",
        "acme-one/fancynet:Leaves_RefV1",
        "fancynet:Leaves_RefV1",
    ],
)
def test_names_of_published_weights_are_taken_in_every_form(install, publish, name):
    """With the publisher, and in shorter forms for as long as nobody else has the name."""
    install("acme-one")
    publish("leaf-weights", "acme-one/fancynet")
    builder, weights = catalog.resolve(name)

    assert "acme-one/fancynet" == builder.qualified
    assert "fancynet:leaf-weights/Leaves_RefV1" == str(weights)


def test_second_publisher_makes_no_listed_name_ambiguous(install, publish):
    """Each listed name stays what it was when somebody publishes a member of the same name."""
    install("acme-one")
    publish("leaf-weights", "acme-one/fancynet")
    before = [str(each) for each in dapi.list_weights("fancynet")]
    publish("other-leaves", "acme-one/fancynet")
    publish("third", "fancynet", member="First")  # as the builder's own are called

    assert before == [str(each) for each in dapi.list_weights("fancynet")[: len(before)]]
    for each in dapi.list_weights("fancynet"):
        assert each is dapi.get_weights(str(each))
    with pytest.raises(AmbiguousModelError, match="leaf-weights/Leaves_RefV1' or 'fancynet"):
        dapi.get_weights("fancynet:Leaves_RefV1")


def test_second_builder_of_the_name_makes_no_published_weights_ambiguous(install, publish):
    """Weights for the builders of two distributions are told apart, also of one publisher."""
    install("acme-one")
    publish("leaf-weights", "acme-one/fancynet")
    (leaves, *_) = dapi.search("Leaves_RefV1")
    written = str(leaves)
    install("acme-two")
    publish("both", "acme-one/fancynet", "acme-two/fancynet", member="Both")

    assert leaves is dapi.get_weights(written)
    assert "acme-one" == catalog.resolve(written)[0].distribution
    assert "acme-one/fancynet:leaf-weights/Leaves_RefV1" == str(leaves)
    found = dapi.search("Both_RefV1")
    assert ["acme-one/fancynet:both/Both_RefV1", "acme-two/fancynet:both/Both_RefV1"] == [
        str(each) for each in found
    ]
    for each in found:
        assert (catalog.resolve(str(each))[0].qualified, each) == (
            catalog.resolve(each)[0].qualified,
            catalog.resolve(str(each))[1],
        )
    with pytest.raises(AmbiguousModelError, match="both/Both_RefV1' or 'acme-two"):
        dapi.get_weights("both/fancynet:Both_RefV1")


def test_publisher_without_such_weights_is_named(install, publish):
    """Who asks a publisher for weights that another has is told so."""
    install("acme-one")
    publish("leaf-weights", "acme-one/fancynet")

    with pytest.raises(UnknownWeightsError, match="leaf-weigths/Leaves_RefV1"):
        dapi.get_weights("fancynet:leaf-weigths/Leaves_RefV1")
