"""The table of checks: each has a permanent identifier, a level, a reason and a remedy.

An identifier is never reused, and a check never becomes stricter: that is a new check, of a new
level. A distribution that states a level never fails because of a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dapi.devkit import _answers, _building, _declarations, _entries
from dapi.devkit._subjects import Builder, Distribution, Enum, Line, Member

LEVEL = 3  # the latest


class Check(NamedTuple):
    """One requirement for distributions.

    Attributes:
        id: The permanent identifier.
        level: The version of the suite that introduced it.
        of: The type of its subject.
        rule: The requirement.
        reason: What goes wrong otherwise.
        remedy: What to do then, as an instruction.
        test: Returns the problems of a subject, a sentence each.
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
          "A damaged or stale copy hides models, or lists models that no longer exist.",
          "Remove the stale copy, then: pip install --force-reinstall the distribution.",
          _declarations.metadata_is_sound),
    Check("DAPI-C002", 1, Distribution,
          "It installs no file directly under dapi/.",
          "pip silently overwrites dapi/__init__.py, which breaks dapi for every distribution.",
          "Move the files into a package of the distribution's own.",
          _declarations.leaves_the_namespace_alone),
    Check("DAPI-C003", 1, Distribution,
          "Its declarations import no framework.",
          "dapi list and dapi show would take seconds, and fail if the framework does.",
          "Import it in the builder's body; name transforms with dapi.lazy.",
          _declarations.import_no_framework),
    Check("DAPI-C004", 1, Distribution,
          "Entry points and decorated builders agree.",
          "A builder without an entry point is not listed; one with a wrong one is not found.",
          "Add the lines to pyproject.toml (dapi entry-points --write), then install again.",
          _declarations.entry_points_agree),
    # Each line of the entry points.
    Check("DAPI-C005", 1, Line,
          "It can be imported, and has the type that its group requires.",
          "Listed models could not be built.",
          "Correct the target, or the module that it names.",
          _declarations.target_is_right),
    Check("DAPI-C006", 1, Line,
          "Its weights are for a builder that is installed.",
          "Weights without a builder cannot be found.",
          "Name the line after the builder; install the builder's distribution for the tests.",
          _declarations.weights_have_a_builder),
    # The distribution again.
    Check("DAPI-C007", 2, Distribution,
          "Every enum of weights belongs to a builder, or is advertised for one.",
          "Its members cannot be found.",
          'Pass it to register_model(weights=...), or add: [project.entry-points."dapi.weights"]',
          _declarations.enums_are_advertised),
    Check("DAPI-C008", 2, Distribution,
          "Each snapshot of a state dict belongs to a builder.",
          "A renamed or removed builder is not compared, and users lose it unnoticed.",
          "If it was removed: write a tombstone (dapi entry-points --write), delete the snapshot.",
          _declarations.snapshots_are_current),
    # Each builder.
    Check("DAPI-C010", 1, Builder,
          "Its name is in snake_case, and unique among the installed distributions.",
          "A name that two distributions provide is refused until it is qualified.",
          "Rename the builder, or pass register_model(name=...).",
          _declarations.name_is_its_own),
    Check("DAPI-C011", 1, Builder,
          "Its parameters are keyword-only, and weights may be None.",
          "Positional parameters cannot be changed later without breaking callers.",
          "Write: def NAME(*, weights=None, progress=True, **config), with types.",
          _declarations.signature_is_by_keyword),
    Check("DAPI-C012", 1, Builder,
          "It has a docstring.",
          "Editors and the documentation have nothing to show.",
          "Describe the model, its paper, its inputs and its outputs.",
          _declarations.has_docstring),
    Check("DAPI-C013", 1, Builder,
          "The builder that it replaces is in the same module.",
          "Users who build the old one would get no notice.",
          "Correct register_model(replaces=...), or omit it.",
          _declarations.replaces_a_neighbor),
    Check("DAPI-C014", 1, Builder,
          "Deprecated arguments are translated, each with a warning.",
          "Users who migrate would get a model without weights, or an error without a remedy.",
          "Map each value to a member of its enum, or to None.",
          _declarations.legacy_arguments_warn),
    Check("DAPI-C015", 1, Builder,
          "It can be pickled.",
          "It could not be sent to worker processes.",
          "Define it at the top of a module, under its own name.",
          _declarations.builder_pickles),
    # Each enum of weights.
    Check("DAPI-C020", 1, Enum,
          "Its name ends in Weights, and it has a docstring.",
          "Readers mistake it for a model; the documentation has nothing to show.",
          "Name it after the builder, as in ResNet50Weights for resnet50.",
          _entries.enum_is_named_and_documented),
    Check("DAPI-C021", 1, Enum,
          "Each dataset has a latest member, and none of these has a newer one of its recipe.",
          "dapi.LATEST finds no weights, or older ones; warnings name none or the wrong ones.",
          "Set latest=True for the newest member of each dataset and recipe only.",
          _entries.latest_is_consistent),
    Check("DAPI-C022", 1, Enum,
          "Its members stay identical when they are pickled and copied.",
          "Models remember their weights in checkpoints and worker processes.",
          "Define the enum at the top of a module, under its own name.",
          _entries.members_pickle),
    # Each set of weights.
    Check("DAPI-C030", 1, Member,
          "Its name is <Dataset>_<Recipe>, and ends in RefV<n>.",
          "The part before the first underscore is the dataset that latest refers to.",
          "Rename it, as in ImageNet1K_RefV1 or ImageNet1K_SWAG_E2E_RefV1.",
          _entries.member_is_named),
    Check("DAPI-C031", 1, Member,
          "Its meta has the required keys, each with a value of the right type.",
          "dapi show and dapi search leave it out.",
          "Complete meta; write 'unknown' or [] for unknown values.",
          _entries.meta_is_complete),
    Check("DAPI-C032", 1, Member,
          "Its license is an SPDX expression, or unknown.",
          "Users cannot determine whether they may use the weights.",
          "Take the identifier from https://spdx.org/licenses/, as in 'BSD-3-Clause'.",
          _entries.license_is_known),
    Check("DAPI-C033", 1, Member,
          "Each metric has a dataset, name, value and source.",
          "A number without a source cannot be checked.",
          "Name the page (https://...) or the script in the repository that it comes from.",
          _entries.metrics_have_sources),
    Check("DAPI-C034", 1, Member,
          "Each file has its full sha256 and size, or meta states that it is trusted on first use.",
          "A replaced file could be loaded unnoticed.",
          "Both: dapi describe FILE. Neither: hash_source='not published: trusted on first use'.",
          _entries.files_are_pinned),
    Check("DAPI-C035", 1, Member,
          "A file in a package exists, and matches its hash.",
          "Loading fails for every user.",
          "Include the file in the wheel; dapi describe FILE prints its sha256 and size.",
          _entries.packaged_files_are_right),
    Check("DAPI-C036", 1, Member,
          "Its categories can be read, match the classes, and are unique if they must be.",
          "Results would have the wrong names.",
          "Correct meta['categories'], or the file of dapi.Lines.",
          _entries.categories_fit),
    Check("DAPI-C037", 1, Member,
          "It is found under its own name.",
          "dapi fetch, saved models and lock files use this name.",
          "Name the line of dapi.weights after the builder.",
          _entries.is_found_by_name),
    Check("DAPI-C038", 1, Member,
          "Its targets can be imported and accept their arguments; transforms accept their input.",
          "Models could be built, but not used.",
          "Correct the target or the arguments of dapi.lazy, and the classes in build.context.",
          _entries.factories_work, needs_torch=True),
    Check("DAPI-C039", 1, Member,
          "A package that contains its files is its own, or one that it requires.",
          "Users who install the distribution would lack the files, and not know what to install.",
          "Add it to the dependencies or to an extra, and name that after a #: package:...#NAME",
          _entries.packages_are_required),
    Check("DAPI-C040", 2, Member,
          "An installed distribution supports its task.",
          "dapi predict and dapi check cannot run it.",
          "Correct meta['task'], or advertise its runner in the group dapi.tasks.",
          _entries.task_has_a_runner),
    Check("DAPI-C041", 2, Member,
          "The arguments of its postprocess equal the values of the same names in meta.",
          "Results have other names than the categories in meta.",
          "Use the same list for both: a constant of the module.",
          _entries.postprocess_agrees_with_meta),
    # Each model.
    Check("DAPI-C050", 1, Builder,
          "It builds without weights, and then downloads nothing.",
          "Training from scratch would need the network.",
          "Give every parameter a default except those that weights set; load nothing in the body.",
          _building.builds_without_weights, needs_torch=True),
    Check("DAPI-C051", 1, Builder,
          "The state dict has not changed.",
          "Users' checkpoints would no longer load.",
          "Add a new builder with replaces=...; if it is intended: --dapi-update-snapshots.",
          _building.state_dict_is_stable, needs_torch=True),
    Check("DAPI-C052", 1, Member,
          "The model for it can be built, on the meta device.",
          "The weights could not be loaded.",
          "Correct the builder, or the entry's build.",
          _building.builds_on_meta, needs_torch=True),
    Check("DAPI-C053", 1, Member,
          "The model has the number of parameters that meta states.",
          "Users choose models by this number.",
          "Set meta['num_params'] to the number that was found.",
          _building.num_params_is_right, needs_torch=True),
    Check("DAPI-C054", 1, Member,
          "It loads a file with the model's own keys in strict mode.",
          "The published file could not be loaded either.",
          "Correct how the builder handles parameters and buffers.",
          _building.loads_strictly, needs_torch=True),
    Check("DAPI-C055", 1, Member,
          "The published file fits the model.",
          "Every user who loads it gets an error.",
          "Correct the file, or the entry's build (config, adapt).",
          _building.published_file_fits, needs_torch=True),
    Check("DAPI-C056", 2, Builder,
          "Its head names layers that its models have.",
          "new_head=True would fail for every user who trains on other classes.",
          "Correct register_model(head=...): names as in state_dict(), without weight and bias.",
          _building.head_is_a_layer, needs_torch=True),
    # The models' answers.
    Check("DAPI-C060", 3, Distribution,
          "It ships answers: the outputs of its models when they were released.",
          "Users could not check whether the outputs are still the same.",
          "Add dapi.answers to the entry points, then: dapi answers --record DISTRIBUTION",
          _answers.answers_are_carried, needs_torch=True),
    Check("DAPI-C061", 3, Builder,
          "Its outputs with synthetic weights equal the recorded answers.",
          "Users of its weights would get other results after an upgrade.",
          "Publish the change as a new builder; if it was wrong before: "
          "dapi answers --record DISTRIBUTION NAME --accept REASON",
          _answers.builder_answers, needs_torch=True),
    Check("DAPI-C062", 3, Member,
          "Its outputs equal the recorded answers, if its file is in the cache.",
          "Users of these weights would get other results after an upgrade.",
          "Publish the change as a new member; if it was wrong before: "
          "dapi answers --record DISTRIBUTION NAME --accept REASON",
          _answers.member_answers, needs_torch=True),
)
# fmt: on
