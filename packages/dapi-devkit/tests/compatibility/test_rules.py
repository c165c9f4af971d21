"""Rules: each has an identifier that stays, and is broken by what it is about."""

from copy import deepcopy

import pytest

from dapi.devkit.compatibility.comparing import compare, compare_all
from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.rules import CATEGORIES, RULES, find_rule

NET, ENUM = "net", "acme.nets:NetWeights"
V1 = ("enums", ENUM, "members", "Data_RefV1")
V2 = ("enums", ENUM, "members", "Data_RefV2")
BUILDER = ("builders", NET)
MODEL = ("models", "one")


def put(*path, value):
    """Return a change that puts a value somewhere."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def drop(*path):
    """Return a change that removes something."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def move(path, name):
    """Return a change that renames a key."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[name] = content.pop(path[-1])

    return change


def all_of(*changes):
    """Return a change that makes several."""

    def change(content):
        for each in changes:
            each(content)

    return change


def no_answers(content):
    """Let nothing be known of what models say."""
    content["answers"] = {"code": {}, "weights": {}}


def said(stage, value, which="code"):
    """Return a change of what the model says at a stage."""

    def change(content):
        for leaf in content["said"][which]["leaves"]:
            if leaf["at"] == stage:
                leaf["samples"] = [0.0, value]

    return change


def parameter(place, **facts):
    """Return a change of a parameter, or one more."""

    def change(content):
        parameters = content["builders"][NET]["parameters"]
        if place == len(parameters):
            parameters.append({"kind": "keyword_only", "default": None, **facts})
        else:
            parameters[place].update(facts)

    return change


def without_parameter(content):
    """Remove an argument."""
    del content["builders"][NET]["parameters"][3]


def moved_parameters(content):
    """Change the order of arguments."""
    parameters = content["builders"][NET]["parameters"]
    parameters[:2] = parameters[1::-1]


def file(fact, value):
    """Return a change of a fact of a file."""
    return put(*V1, "files", 0, fact, value=value)


BROKEN = {
    "WEIGHTS_MEMBER_NO_DELETE": drop(*V2),
    "WEIGHTS_MEMBER_SAME_BYTES": file("sha256", "c" * 64),
    "WEIGHTS_MEMBER_SAME_URL": file("url", "https://example.com/net.pth"),
    "WEIGHTS_MEMBER_KEEPS_HASH": file("sha256", None),
    "WEIGHTS_MEMBER_SAME_LICENSE": put(*V1, "meta", "license", value="GPL-3.0-only"),
    "WEIGHTS_MEMBER_SAME_ASSETS": put(*V1, "assets", "vocabulary", 0, "sha256", value="f" * 64),
    "WEIGHTS_MEMBER_STATUS": put(*V1, "status", "state", value="deprecated"),
    "TOMBSTONE_NO_DELETE": drop("tombstones", "oldnet"),
    "NAME_NOT_REUSED": lambda content: content["builders"].update(
        oldnet=content["builders"]["net"]
    ),
    "ENTRY_POINT_NO_DELETE": drop("entry_points", "dapi.tasks"),
    "BUILDER_NO_DELETE": drop(*BUILDER),
    "BUILDER_SAME_WEIGHTS_ENUM": put(*BUILDER, "enums", value=[]),
    "PARAM_NO_DELETE": without_parameter,
    "PARAM_ADDED_REQUIRED": parameter(4, name="z", required=True),
    "PARAM_CHANGED_REQUIRED": parameter(0, required=True),
    "STATE_KEY_NO_DELETE": drop(*MODEL, "schema", "fc"),
    "STATE_KEY_ADDED": put(*MODEL, "schema", "more", value="float32 2"),
    "STATE_SAME_SHAPE": put(*MODEL, "schema", "bn", "weight", value="float32 3"),
    "STATE_SAME_DTYPE": put(*MODEL, "schema", "bn", "weight", value="float16 2"),
    "MODEL_BUILDS": all_of(
        drop("built", "net"), put("missing", "net", value="TypeError: no number")
    ),
    "FILE_FITS_BUILDER": all_of(
        drop("answers", "weights", "net:Data_RefV1"),
        put("missing", "answer of the weights net:Data_RefV1", value="CheckpointError: cut"),
    ),
    "EVAL_OUTPUT_SAME": said("model", 1.001),
    "MODULE_TREE_SAME": all_of(no_answers, put("modules", "norm", "attributes", "eps", value=0.2)),
    "TRAIN_STEP_SAME": said("training", 1.001),
    "TRANSFORMS_SAME_CONFIG": all_of(
        no_answers, put(*V1, "transforms", "arguments", "std", value=0.1)
    ),
    "TRANSFORMS_SAME_OUTPUT": said("transforms", 1.001),
    "META_SAME_CATEGORIES": put(*V1, "meta", "categories", value=["b", "a"]),
    "POSTPROCESS_SAME": said("postprocess", 1.001),
    "POSTPROCESS_MATCHES_META": put(
        *V1, "postprocess", "arguments", "categories", value=["b", "a"]
    ),
    "PARAM_SAME_DEFAULT": all_of(
        parameter(0, default=5), put(*MODEL, "schema", "bn", "weight", value="float32 5")
    ),
    "WEIGHTS_MEMBER_SAME_BUILD": all_of(
        no_answers,
        put(*V1, "build", "context", "acme:N", "eps", value=0.2),
        put("modules", "norm", "attributes", "eps", value=0.2),
    ),
    "META_SAME_TASK": put(*V1, "meta", "task", value="other"),
    "META_METRICS_CHANGED": put(*V1, "meta", "metrics", value=[{"name": "acc", "value": 1}]),
    "LATEST_MOVED": all_of(put(*V1, "latest", value=False), put(*V2, "latest", value=True)),
    "LATEST_SAME_USE": all_of(
        put(*V1, "latest", value=False),
        put(*V2, "latest", value=True),
        put(*V2, "meta", "categories", value=["c", "d"]),
    ),
    "INIT_SAME": put(*MODEL, "start", "bn.weight", value=[1e-6, 0.0, 2]),
    "HEAD_SAME": put(*BUILDER, "head", value=["classifier"]),
    "ANSWERS_HOLD": put("stale", "net", value="model: std was 1, is 2"),
    "STILL_COMPARED": all_of(
        drop("answers", "code", "net:Data_RefV1"),
        put("missing", "answer of net:Data_RefV1", value="AnswersError: no sample"),
    ),
    "PARAMS_SAME_TIES": put(*MODEL, "tied", value=[]),
    "LEGACY_SAME_MEANING": put(
        *BUILDER, "legacy", "pretrained", "True", value="NetWeights.Data_RefV2"
    ),
    "PARAM_SAME_KIND": parameter(1, kind="keyword_only"),
    "PARAM_MOVED": moved_parameters,
    "RETURN_SAME_TYPE": put(*BUILDER, "returns", value="OtherNet"),
    "ENUM_SAME_NAME": move(("enums", ENUM), "acme.nets:Others"),
    "BUILDER_SAME_NAME": put(*BUILDER, "target", value="acme.other:net"),
    "META_KEY_NO_DELETE": drop(*V1, "meta", "min_size"),
    "META_CHANGED": put(*V1, "meta", "min_size", value=4),
    "REQUIRES_RAISED": put("requires", "packages", value=["torch>=2.6"]),
    "MODULE_RENAMED": put("modules", "top", "class", value="acme._nets:OtherNet"),
    "BUFFER_CHANGED": put(*MODEL, "transient", "table", value="float32 8"),
    "BUILDER_ADDED": lambda content: content["builders"].update(
        net_v2={**content["builders"]["net"], "replaces": "net"}
    ),
    "WEIGHTS_MEMBER_ADDED": lambda content: content["enums"][ENUM]["members"].update(
        Data_RefV3=content["enums"][ENUM]["members"]["Data_RefV2"]
    ),
    "PARAM_ADDED_OPTIONAL": parameter(4, name="z", required=False),
    "META_KEY_ADDED": put(*V1, "meta", "paper", value="https://example.org"),
}


def changed(content, change):
    """Return the images before and after a change; models and answers get keys of their own."""
    after = deepcopy(content)
    change(after)
    for part, users in (("models", ["built"]), ("said", ["answers.code", "answers.weights"])):
        for key in list(after[part]):
            after[part][f"{key} after"] = after[part].pop(key)
        for user in users:
            target = after
            for step in user.split("."):
                target = target[step]
            target.update({name: f"{key} after" for name, key in target.items()})
    return Image(content), Image(after)


def refuted(claims):
    """Say of each claim that it does not hold."""
    return ["it fails"] * len(claims)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_is_broken_by_what_it_is_about(content, name):
    """What a rule is about is found on its level, with file and line, and a proof if it breaks."""
    old, new = changed(content, BROKEN[name])

    found = [each for each in compare(old, new, testify=refuted) if each.rule.name == name]

    assert found
    assert all(each.level == RULES[name].level for each in found)
    assert all(each.where.rpartition(":")[2].isdigit() for each in found)
    assert all(each.witness for each in found if each.level == "break")


@pytest.mark.parametrize("name", RULES)
def test_the_same_twice_is_silent(content, name):
    """A release that is compared with itself breaks nothing, whatever is in it."""
    _, new = changed(content, BROKEN[name])

    assert [] == compare(new, new)


@pytest.mark.parametrize("category", CATEGORIES)
def test_categories_are_nested(content, category):
    """A category has its own rules, and those of the ones inside it; no others."""
    inside = CATEGORIES[: CATEGORIES.index(category) + 1]
    found = {
        each.rule.category
        for change in BROKEN.values()
        for each in compare(*changed(deepcopy(content), change), category=category)
    }

    assert set(inside) == found


@pytest.mark.parametrize(
    "change",
    [put(*V1, "build", "adapt", value=["A()"]), put(*V1, "files", 0, "prefix", value="encoder.")],
)
def test_other_keys_of_a_file_are_noted(content, change):
    """Its steps, or its prefix: whether the file still fits is another rule."""
    found = compare(*changed(content, change), testify=refuted)

    assert [("WEIGHTS_MEMBER_SAME_BUILD", "note")] == [
        (each.rule.name, each.level) for each in found
    ]


def test_identifiers_are_unique_and_of_one_form():
    """An identifier names one rule, and finds it, as its name does."""
    identifiers = [rule.id for rule in RULES.values()]

    assert len(set(identifiers)) == len(identifiers)
    assert all(find_rule(rule.id) is find_rule(rule.name) is rule for rule in RULES.values())
    assert find_rule("DAPI-B000") is None


def test_what_only_the_release_shows_is_a_note_without_it(content):
    """A renamed enum breaks imports, unless an alias is left: only importing it tells."""
    old, new = changed(content, BROKEN["ENUM_SAME_NAME"])

    (unproven,) = compare(old, new)
    aliased = compare(old, new, testify=lambda claims: ["" for _ in claims])

    assert unproven.level == "note"
    assert "Not proven" in unproven.text
    assert [] == aliased


def test_a_file_names_nothing_of_others_to_import(content):
    """What is imported is of the distribution itself, whatever an image of it says."""
    content["builders"][NET]["target"] = "antigravity:net"
    after = deepcopy(content)
    after["builders"][NET]["target"] = "acme.nets:net"
    tried = []

    (found,) = compare(Image(content), Image(after), testify=tried.extend)

    assert [] == tried
    assert ("BUILDER_SAME_NAME", "note") == (found.rule.name, found.level)
    assert "antigravity:net is of another distribution" in found.text


def test_a_model_that_reads_old_state_dicts_is_given_the_chance(content):
    """Keys that changed are a break only if the model does not load the old ones."""
    change = all_of(BROKEN["STATE_KEY_ADDED"], put(*MODEL, "migrating", value=["acme:Net"]))
    old, new = changed(content, change)

    levels = {each.rule.name: each.level for each in compare(old, new)}
    loaded = compare(old, new, testify=lambda claims: ["" for _ in claims])

    assert levels["STATE_KEY_ADDED"] == "note"
    assert "STATE_KEY_ADDED" not in {each.rule.name for each in loaded}


def test_several_releases_are_compared_at_once(content):
    """What breaks for users of several releases is told once, and says for which."""
    old, new = changed(content, BROKEN["WEIGHTS_MEMBER_NO_DELETE"])
    older = Image({**old.content, "version": "0.9"})

    found = compare_all([older, old], new)

    assert [("0.9", "1.0")] == [each.versions for each in found]


def test_a_finding_names_each_release_once(content):
    """Also where the code and the file of one set of weights give the same finding."""
    kinds = ("answer of ", "answer of the weights ")
    lost = [put("missing", f"{kind}net:Data_RefV1", value="AnswersError: odd") for kind in kinds]
    old, new = changed(content, all_of(no_answers, *lost))

    found = compare_all([old], new)

    assert found and {(old.version,)} == {each.versions for each in found}


TOMBSTONES = {
    "member": ("WEIGHTS_MEMBER_NO_DELETE", "net:Data_RefV2"),
    "builder": ("BUILDER_NO_DELETE", "net"),
}


@pytest.mark.parametrize("what", TOMBSTONES)
def test_a_tombstone_makes_a_removal_a_note(content, what):
    """What is removed and has a tombstone breaks nothing; the tombstone has to stay."""
    rule, name = TOMBSTONES[what]
    tombstone = put("tombstones", name, value={"successor": "x", "last_version": "1.0"})
    old, new = changed(content, all_of(BROKEN[rule], tombstone))

    levels = {each.level for each in compare(old, new) if each.target.startswith(name)}

    assert {"note"} == levels


@pytest.mark.parametrize("digest", ["t", "other"])
def test_a_file_that_was_written_again_says_so(content, digest):
    """Other bytes break every lock; that the tensors are the same helps to find out why."""
    change = all_of(file("sha256", "c" * 64), put("tensors", "net:Data_RefV1", value=digest))

    (found,) = compare(*changed(content, change))

    assert found.rule.name == "WEIGHTS_MEMBER_SAME_BYTES"
    assert (digest == "t") == ("its tensors are the same" in found.text)


def fail(*names):
    """Let models raise an error."""
    reason = "TypeError: no number"
    changes = [put("missing", f"answer of {name}", value=reason) for name in names]
    dropped = [drop("answers", "code", name) for name in names if name != "net:Data_RefV3"]
    return all_of(*changes, *dropped)


@pytest.mark.parametrize("live", [True, False])
def test_a_model_that_raises_an_error_is_found(content, live):
    """What had an answer once ran, whether it was recorded with the image or shipped."""
    content["said"]["code"]["live"] = live

    found = compare(*changed(content, fail("net:Data_RefV1", "net:Data_RefV2")))

    assert ["net:Data_RefV1", "net:Data_RefV2"] == [
        each.target for each in found if each.rule.name == "EVAL_OUTPUT_SAME"
    ]


def test_new_weights_that_do_not_run_accuse_no_others(content):
    """Weights that still run are fine, whatever others of their builder do."""
    change = all_of(BROKEN["WEIGHTS_MEMBER_ADDED"], fail("net:Data_RefV3"))

    assert [] == [each for each in compare(*changed(content, change)) if each.level != "added"]


@pytest.mark.parametrize("what", ["models", "answers"])
def test_what_could_not_be_recorded_at_all_is_told(content, what):
    """Silence would read as if nothing had changed."""
    old, new = changed(content, put("missing", what, value="PyTorch is not installed."))

    assert [("STILL_COMPARED", "acme-nets")] == [(e.rule.name, e.target) for e in compare(old, new)]
