"""Rules: what a release must not change, each with a permanent identifier.

An identifier is never reused. Categories are nested: LOCK affects users who only lock files, LOAD
also those who load old files and call builders, RESULT also those who compare results, and SOURCE
also those who import and type-check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Category = Literal["lock", "load", "result", "source"]
Level = Literal["break", "note", "added"]

CATEGORIES: tuple[Category, ...] = ("lock", "load", "result", "source")

_NEW_MEMBER = "Keep the member as it was, and publish a new one beside it, with latest=True."
_V2 = "Keep the builder as it was, and add one that supersedes it: NAME_v2, with replaces=NAME."
_CONTEXT = (
    f"{_V2} Or read the value with ContextParams.get, and give the published members the old one: "
    "Build(context={'module:Class': {...}})."
)
_TOMBSTONE = (
    "Keep it; to take it back: status=Status('withdrawn'). If it must go, leave a tombstone: an "
    "entry point in dapi.removed that leads to a dapi.Removed."
)


class Rule(NamedTuple):
    """What a release must not change.

    Attributes:
        id: The permanent identifier.
        name: The subject, in upper case.
        category: The users who are affected if it is broken.
        level: The severity: a ``break``, a ``note``, or ``added``.
        sees: The effect on users who upgrade.
        remedy: What the publisher should do instead.
        is_fixed: Whether it cannot be suppressed.
    """

    id: str
    name: str
    category: Category
    level: Level
    sees: str
    remedy: str
    is_fixed: bool = False


# fmt: off
_TABLE: tuple[Rule, ...] = (
    # Users who lock files.
    Rule("DAPI-B001", "WEIGHTS_MEMBER_NO_DELETE", "lock", "break",
         "Weights that code, lock files and saved models name are unknown.", _TOMBSTONE),
    Rule("DAPI-B002", "WEIGHTS_MEMBER_SAME_BYTES", "lock", "break",
         "The name refers to other bytes: locks and caches refuse them, results change.",
         _NEW_MEMBER, is_fixed=True),
    Rule("DAPI-B003", "WEIGHTS_MEMBER_SAME_URL", "lock", "note",
         "Users behind a proxy or a mirror must allow the new address.",
         "Keep the old address in mirrors=(...)."),
    Rule("DAPI-B004", "WEIGHTS_MEMBER_KEEPS_HASH", "lock", "break",
         "The bytes are no longer pinned: a replaced file is loaded unnoticed.",
         "Publish the full sha256 and the size again."),
    Rule("DAPI-B005", "WEIGHTS_MEMBER_SAME_LICENSE", "lock", "break",
         "A use of the weights that was allowed may no longer be.", _NEW_MEMBER),
    Rule("DAPI-B006", "WEIGHTS_MEMBER_SAME_ASSETS", "lock", "break",
         "A tokenizer, vocabulary or vocoder that belongs to the weights was replaced.",
         _NEW_MEMBER),
    Rule("DAPI-B007", "WEIGHTS_MEMBER_STATUS", "lock", "note",
         "Weights that are deprecated warn; those that are withdrawn refuse to load.",
         "Name what to use instead: Status(replacement=...)."),
    Rule("DAPI-B008", "TOMBSTONE_NO_DELETE", "lock", "break",
         "The error for a removed name no longer says what to use instead.",
         "Keep the entry point in dapi.removed forever."),
    Rule("DAPI-B009", "NAME_NOT_REUSED", "lock", "break",
         "A name that was removed now refers to something else.",
         "Choose a new name."),
    # Users who load old files and call builders.
    Rule("DAPI-B020", "ENTRY_POINT_NO_DELETE", "load", "break",
         "A task, scheme or format that others use is no longer provided.",
         "Keep the entry point."),
    Rule("DAPI-B021", "BUILDER_NO_DELETE", "load", "break",
         "The model cannot be built, and files that were saved from it cannot be loaded.",
         "Keep a thin alias. If it must go, leave a tombstone: an entry point in dapi.removed."),
    Rule("DAPI-B022", "BUILDER_SAME_WEIGHTS_ENUM", "load", "break",
         "The builder refuses weights that it accepted.",
         "Name the old enum too: register_model(weights=(New, Old))."),
    Rule("DAPI-B023", "PARAM_NO_DELETE", "load", "break",
         "Calls and saved models that pass the argument are refused.",
         "Keep the argument, or translate it: register_model(legacy=LegacyArgument(...))."),
    Rule("DAPI-B024", "PARAM_ADDED_REQUIRED", "load", "break",
         "Calls that were complete now lack an argument.",
         "Give the argument a default that keeps the old behavior."),
    Rule("DAPI-B025", "PARAM_CHANGED_REQUIRED", "load", "break",
         "Calls that omit the argument are refused.", "Restore the argument's default."),
    Rule("DAPI-B026", "STATE_KEY_NO_DELETE", "load", "break",
         "Checkpoints have a tensor that the model does not expect.", _V2),
    Rule("DAPI-B027", "STATE_KEY_ADDED", "load", "break",
         "Checkpoints lack a tensor that the model expects.", _V2),
    Rule("DAPI-B028", "STATE_SAME_SHAPE", "load", "break",
         "Tensors of checkpoints have other shapes than the model's.", _V2),
    Rule("DAPI-B029", "STATE_SAME_DTYPE", "load", "break",
         "Tensors of checkpoints lose precision when they are loaded.", _V2),
    Rule("DAPI-B030", "MODEL_BUILDS", "load", "break",
         "The model can no longer be built.",
         "Correct the builder, or the member's build."),
    Rule("DAPI-B031", "FILE_FITS_BUILDER", "load", "break",
         "The published file can no longer be loaded.",
         "Correct the file in the wheel, or the member's build."),
    # Users who compare results.
    Rule("DAPI-B040", "EVAL_OUTPUT_SAME", "result", "break",
         "The same input gives different outputs.", _CONTEXT),
    Rule("DAPI-B041", "MODULE_TREE_SAME", "result", "break",
         "A module has a different class or hyperparameter.", _CONTEXT),
    Rule("DAPI-B042", "TRAIN_STEP_SAME", "result", "break",
         "Training and fine-tuning give different results.", _CONTEXT),
    Rule("DAPI-B043", "TRANSFORMS_SAME_CONFIG", "result", "break",
         "The preprocessing has a different configuration.", _NEW_MEMBER),
    Rule("DAPI-B044", "TRANSFORMS_SAME_OUTPUT", "result", "break",
         "The preprocessing gives the model different inputs.",
         "Keep the transforms as they were, and add a new class for a new member."),
    Rule("DAPI-B045", "META_SAME_CATEGORIES", "result", "break",
         "Results have different names, or a different order.", _NEW_MEMBER),
    Rule("DAPI-B046", "POSTPROCESS_SAME", "result", "break",
         "The model's outputs are converted to different results.", _NEW_MEMBER),
    Rule("DAPI-B047", "POSTPROCESS_MATCHES_META", "result", "break",
         "The postprocess and meta name different classes.",
         "Use the same list of categories for both."),
    Rule("DAPI-B048", "PARAM_SAME_DEFAULT", "result", "break",
         "Calls that omit the argument get a different model.", _V2),
    Rule("DAPI-B049", "WEIGHTS_MEMBER_SAME_BUILD", "result", "break",
         "The weights build a different model: other arguments, or another context.", _NEW_MEMBER),
    Rule("DAPI-B050", "META_SAME_TASK", "result", "break",
         "dapi predict runs the model for another task, and searches do not find it.",
         _NEW_MEMBER),
    Rule("DAPI-B051", "META_METRICS_CHANGED", "result", "note",
         "The published metrics changed.", "Explain in the changelog what was wrong."),
    Rule("DAPI-B052", "LATEST_MOVED", "result", "note",
         "dapi.LATEST refers to other weights.",
         "Note it in the changelog; users of a lock update with dapi lock --upgrade."),
    Rule("DAPI-B053", "LATEST_SAME_USE", "result", "break",
         "dapi.LATEST refers to weights of another task, or with other categories.",
         "Keep latest where it is, and give the new weights a builder of their own."),
    Rule("DAPI-B054", "INIT_SAME", "result", "note",
         "Training from scratch starts from different values.", "Note it in the changelog."),
    Rule("DAPI-B055", "HEAD_SAME", "result", "break",
         "new_head=True initializes other layers.", "Name the same layers in head=(...)."),
    Rule("DAPI-B056", "ANSWERS_HOLD", "result", "break",
         "dapi check reports that the model's outputs differ from the recorded answers.",
         "Correct the code; or, if the answer was wrong: dapi answers --record --accept REASON."),
    Rule("DAPI-B057", "STILL_COMPARED", "result", "note",
         "A comparison that was possible before no longer is.", "See why: dapi check NAME."),
    Rule("DAPI-B058", "PARAMS_SAME_TIES", "result", "break",
         "Parameters became tied or untied: they are trained and saved differently.",
         _V2),
    Rule("DAPI-B059", "LEGACY_SAME_MEANING", "result", "break",
         "A deprecated argument, such as pretrained=True, selects other weights.",
         "Map the old value to the same weights as before."),
    # Users who import and type-check.
    Rule("DAPI-B070", "PARAM_SAME_KIND", "source", "break",
         "Calls that pass the argument by position, or by keyword, are refused.",
         "Accept the argument in both ways."),
    Rule("DAPI-B071", "PARAM_MOVED", "source", "break",
         "Positional arguments bind to other parameters.", "Add parameters last or keyword-only."),
    Rule("DAPI-B072", "RETURN_SAME_TYPE", "source", "break",
         "Code that is type-checked against the old class fails.",
         "Keep the old name as an alias or a base class."),
    Rule("DAPI-B073", "ENUM_SAME_NAME", "source", "break",
         "Imports fail, and pickles that name the enum cannot be read.",
         "Keep the old name where it was: Old = New."),
    Rule("DAPI-B074", "BUILDER_SAME_NAME", "source", "break",
         "Imports fail, and models that were pickled whole cannot be read.",
         "Keep the function's name where it was: from new.place import builder."),
    Rule("DAPI-B075", "META_KEY_NO_DELETE", "source", "break",
         "Code that reads the key raises KeyError.", "Keep the key."),
    Rule("DAPI-B076", "META_CHANGED", "source", "note",
         "A fact about the weights changed.", "Explain in the changelog what was wrong."),
    Rule("DAPI-B077", "REQUIRES_RAISED", "source", "note",
         "Older versions of Python or of a package are no longer supported.",
         "Note it in the changelog, and release a minor version."),
    Rule("DAPI-B078", "MODULE_RENAMED", "source", "note",
         "A class inside the model has another name; its outputs are the same.",
         "None; an alias if users import it."),
    Rule("DAPI-B079", "BUFFER_CHANGED", "source", "note",
         "A buffer outside the state dict changed.",
         "None, if the model's outputs are the same."),
    # Additions.
    Rule("DAPI-B090", "BUILDER_ADDED", "source", "added", "A model was added.",
         "A minor version."),
    Rule("DAPI-B091", "WEIGHTS_MEMBER_ADDED", "source", "added", "Weights were added.",
         "A minor version."),
    Rule("DAPI-B092", "PARAM_ADDED_OPTIONAL", "source", "added",
         "The builder accepts another argument.", "A minor version."),
    Rule("DAPI-B093", "META_KEY_ADDED", "source", "added", "Metadata was added.",
         "A patch version."),
)
# fmt: on

RULES = {rule.name: rule for rule in _TABLE}


class Finding(NamedTuple):
    """A violation of a rule by a release.

    Attributes:
        rule: The rule.
        target: The changed object, as in ``resnet50:ImageNet1K_RefV1``.
        text: What changed, in a sentence.
        where: File and line in the wheel.
        was: The old value.
        now: The new one.
        witness: The proof; without one, it is a note.
        level: ``break``, ``note`` or ``added``.
        versions: The releases that it was compared with.
        claim: An action that a process with the new release can try, to prove or refute it.
    """

    rule: Rule
    target: str
    text: str
    where: str
    was: Any = None
    now: Any = None
    witness: str = ""
    level: Level = "break"
    versions: tuple[str, ...] = ()
    claim: Mapping[str, Any] | None = None


def finding(name: str, target: str, text: str, where: str, **more: Any) -> Finding:
    """Make a finding of a rule, on the rule's own level unless another is given."""
    rule = RULES[name]
    return Finding(rule, target, text, where, **{"level": rule.level, **more})


def find_rule(text: str) -> Rule | None:
    """Find a rule by its name or identifier."""
    return next((rule for rule in _TABLE if text in (rule.id, rule.name)), None)
