"""The table of checks: each has an identifier that stays, a level, a reason and a remedy.

An identifier is never given to another check, and a check never changes what it fails: what is
to be stricter is a new check, of a new level. A distribution that states a level is failed by no
check of a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dapi.devkit import _answers, _building, _declarations, _entries
from dapi.devkit._subjects import Builder, Distribution, Enum, Line, Member

LEVEL = 3  # the latest


class Check(NamedTuple):
    """One promise that a distribution keeps.

    Attributes:
        id: What it is called for ever.
        level: Since which version of the suite it is asked for.
        of: What it is about.
        rule: What must be so.
        reason: What goes wrong where it is not.
        remedy: What to do then.
        test: Takes the subject to what is wrong with it, a sentence each.
        needs_torch: Whether it is skipped where torch is not installed.
    """

    id: str
    level: int
    of: type
    rule: str
    reason: str
    remedy: str
    test: Callable[[Any], Iterable[str]]
    needs_torch: bool = False


# fmt: off
CHECKS: tuple[Check, ...] = (
    # The distribution as it is installed.
    Check("DAPI-C001", 1, Distribution,
          "Its metadata is found once, and its entry points can be read.",
          "A damaged or stale copy hides models, or shows some that are gone.",
          "Remove the stale copy, then: pip install --force-reinstall the distribution.",
          _declarations.metadata_is_sound),
    Check("DAPI-C002", 1, Distribution,
          "It installs no file directly under dapi/.",
          "pip overwrites dapi/__init__.py without a word, and dapi is gone for everybody.",
          "Move the files into a package of the distribution's own.",
          _declarations.leaves_the_namespace_alone),
    Check("DAPI-C003", 1, Distribution,
          "Its declarations import no framework.",
          "dapi list and dapi show would take seconds, and fail where the framework does.",
          "Import it in the builder's body; name transforms with dapi.lazy.",
          _declarations.import_no_framework),
    Check("DAPI-C004", 1, Distribution,
          "Entry points and decorated builders agree.",
          "What has no entry point is not listed; what has a wrong one is not found.",
          "Put the lines into pyproject.toml (dapi entry-points --write), then install again.",
          _declarations.entry_points_agree),
    # Each line of the entry points.
    Check("DAPI-C005", 1, Line,
          "It can be imported, and is what its group says.",
          "Listed models could not be built.",
          "Correct the target, or the module that it names.",
          _declarations.target_is_right),
    Check("DAPI-C006", 1, Line,
          "Its weights are for a builder that is installed.",
          "Weights for nobody are found by nobody.",
          "Name the line after the builder; install the builder's distribution for the tests.",
          _declarations.weights_have_a_builder),
    # The distribution again.
    Check("DAPI-C007", 2, Distribution,
          "Every enum of weights is that of a builder, or is advertised for one.",
          "Nobody finds its members.",
          'Pass it to register_model(weights=...), or add: [project.entry-points."dapi.weights"]',
          _declarations.enums_are_advertised),
    Check("DAPI-C008", 2, Distribution,
          "Each snapshot of a state dict is that of a builder.",
          "A builder that was renamed or removed is compared with nothing, and users lose it.",
          "Removed: write a tombstone (dapi entry-points --write), and delete the snapshot.",
          _declarations.snapshots_are_current),
    # Each builder.
    Check("DAPI-C010", 1, Builder,
          "Its name is in snake_case, and nobody else's.",
          "A name that two distributions give is refused until it is qualified.",
          "Rename the builder, or pass register_model(name=...).",
          _declarations.name_is_its_own),
    Check("DAPI-C011", 1, Builder,
          "It takes its arguments by keyword, and weights may be None.",
          "Arguments by position cannot be changed later without breaking callers.",
          "Write: def NAME(*, weights=None, progress=True, **config), with types.",
          _declarations.signature_is_by_keyword),
    Check("DAPI-C012", 1, Builder,
          "It has a docstring.",
          "Editors and the documentation show nothing.",
          "Say what it builds, in which paper it is, and what goes in and out.",
          _declarations.has_docstring),
    Check("DAPI-C013", 1, Builder,
          "What it replaces is a builder of the same module.",
          "Nobody who builds the old one would be told.",
          "Correct register_model(replaces=...), or leave it out.",
          _declarations.replaces_a_neighbour),
    Check("DAPI-C014", 1, Builder,
          "Arguments of the past are translated, with a warning each.",
          "Who migrates would get a model without weights, or an error without a remedy.",
          "Map each value to a member of its enum, or to None.",
          _declarations.legacy_arguments_warn),
    Check("DAPI-C015", 1, Builder,
          "It pickles.",
          "Worker processes could not be sent it.",
          "Define it at the top of a module, under its own name.",
          _declarations.builder_pickles),
    # Each enum of weights.
    Check("DAPI-C020", 1, Enum,
          "Its name ends in Weights, and it has a docstring.",
          "Readers take it for a model; the documentation says nothing.",
          "Name it after the builder, as in ResNet50Weights for resnet50.",
          _entries.enum_is_named_and_documented),
    Check("DAPI-C021", 1, Enum,
          "Each dataset has a latest member, and none marked has a newer one of its recipe.",
          "dapi.LATEST finds nothing, or older weights; warnings name none or a wrong one.",
          "Set latest=True for the newest member of each dataset and recipe only.",
          _entries.latest_is_consistent),
    Check("DAPI-C022", 1, Enum,
          "Its members pickle and copy as themselves.",
          "Models remember their weights in checkpoints and worker processes.",
          "Define the enum at the top of a module, under its own name.",
          _entries.members_pickle),
    # Each set of weights.
    Check("DAPI-C030", 1, Member,
          "Its name is <Dataset>_<Recipe>, and ends in RefV<n>.",
          "What stands before the first underscore is the dataset that latest is about.",
          "Rename it, as in ImageNet1K_RefV1 or ImageNet1K_SWAG_E2E_RefV1.",
          _entries.member_is_named),
    Check("DAPI-C031", 1, Member,
          "Its meta has what people compare by, each of the right kind.",
          "dapi show and searches leave it out.",
          "Complete meta; what is not known is 'unknown' or [].",
          _entries.meta_is_complete),
    Check("DAPI-C032", 1, Member,
          "Its license is an SPDX expression, or unknown.",
          "Nobody can tell whether the weights may be used.",
          "Take the identifier from https://spdx.org/licenses/, as in 'BSD-3-Clause'.",
          _entries.license_is_known),
    Check("DAPI-C033", 1, Member,
          "Each metric says its dataset, name, value and source.",
          "A number without a source cannot be checked.",
          "Give the page (https://...) or the script in the repository that says it.",
          _entries.metrics_have_sources),
    Check("DAPI-C034", 1, Member,
          "Each file has its full sha256 and size, or meta says that it is trusted on first use.",
          "Other bytes could be loaded without anybody's notice.",
          "Both: dapi describe FILE. Neither: hash_source='not published: trusted on first use'.",
          _entries.files_are_pinned),
    Check("DAPI-C035", 1, Member,
          "A file that comes with a package is there, and is what its hash says.",
          "Loading fails for everybody.",
          "Include the file in the wheel; dapi describe FILE prints its sha256 and size.",
          _entries.packaged_files_are_right),
    Check("DAPI-C036", 1, Member,
          "Its categories can be read, are as many as the classes, and differ where they must.",
          "Results would be shown under wrong names.",
          "Correct meta['categories'], or the file of dapi.Lines.",
          _entries.categories_fit),
    Check("DAPI-C037", 1, Member,
          "It is found under its own name.",
          "dapi fetch, saved models and lock files name weights so.",
          "Name the line of dapi.weights after the builder.",
          _entries.is_found_by_name),
    Check("DAPI-C038", 1, Member,
          "What it names can be imported and takes its arguments; transforms take their input.",
          "Models could be built, and not used.",
          "Correct the target or the arguments of dapi.lazy, and the classes in build.context.",
          _entries.factories_work, needs_torch=True),
    Check("DAPI-C039", 1, Member,
          "A package that its files come with is its own, or one that it requires.",
          "Who installs the distribution would lack the files, and not know what to install.",
          "Add it to the dependencies or to an extra, and name that behind a #: package:...#NAME",
          _entries.packages_are_required),
    Check("DAPI-C040", 2, Member,
          "Its task is one that an installed distribution runs on files.",
          "dapi predict and dapi check cannot run it.",
          "Correct meta['task'], or advertise what runs it in the group dapi.tasks.",
          _entries.task_has_a_runner),
    Check("DAPI-C041", 2, Member,
          "The arguments of its postprocess are those that meta has under the same names.",
          "Results are named after other categories than meta lists.",
          "Give both the same list: a constant of the module.",
          _entries.postprocess_agrees_with_meta),
    # Each model.
    Check("DAPI-C050", 1, Builder,
          "It builds without weights, and fetches nothing then.",
          "Who trains from scratch would need the network.",
          "Give every argument but the weights' own a default; load nothing in the body.",
          _building.builds_without_weights, needs_torch=True),
    Check("DAPI-C051", 1, Builder,
          "The state dict is as it was.",
          "Checkpoints of users would no longer load.",
          "Make a new builder for it, with replaces=...; if it is meant: --dapi-update-snapshots.",
          _building.state_dict_is_stable, needs_torch=True),
    Check("DAPI-C052", 1, Member,
          "The model for it builds, on meta.",
          "It could not be loaded.",
          "Correct the builder, or the entry's build.",
          _building.builds_on_meta, needs_torch=True),
    Check("DAPI-C053", 1, Member,
          "The model has as many parameters as meta says.",
          "People choose by it.",
          "Set meta['num_params'] to the number that is found.",
          _building.num_params_is_right, needs_torch=True),
    Check("DAPI-C054", 1, Member,
          "It loads a file of the model's own keys strictly.",
          "The published file could not be loaded either.",
          "Correct what the builder does with parameters and buffers.",
          _building.loads_strictly, needs_torch=True),
    Check("DAPI-C055", 1, Member,
          "The published file fits the model.",
          "Everybody who loads it gets an error.",
          "Correct the file, or the entry's build (config, adapt).",
          _building.published_file_fits, needs_torch=True),
    Check("DAPI-C056", 2, Builder,
          "Its head names layers that its models have.",
          "new_head=True would fail for everybody who trains on other classes.",
          "Correct register_model(head=...): names as in state_dict(), without weight and bias.",
          _building.head_is_a_layer, needs_torch=True),
    # What the models say.
    Check("DAPI-C060", 3, Distribution,
          "It carries answers: what its models, and weights in its wheel, said at their release.",
          "Nobody could tell whether they still say the same.",
          "Add dapi.answers to the entry points, then: dapi answers --record DISTRIBUTION",
          _answers.answers_are_carried, needs_torch=True),
    Check("DAPI-C061", 3, Builder,
          "It says what was recorded, with synthetic weights.",
          "Users of its weights would get other results after an upgrade.",
          "Publish the change as a new builder; if it was wrong before: "
          "dapi answers --record DISTRIBUTION NAME --accept REASON",
          _answers.builder_answers, needs_torch=True),
    Check("DAPI-C062", 3, Member,
          "It says what was recorded, if its file is here.",
          "Users of these weights would get other results after an upgrade.",
          "Publish the change as a new member; if it was wrong before: "
          "dapi answers --record DISTRIBUTION NAME --accept REASON",
          _answers.member_answers, needs_torch=True),
)
# fmt: on
