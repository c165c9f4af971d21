"""A second release of what ``dapi new`` writes: a change is found before it is published.

The publisher has a snapshot of the first release. A user has what its models said, and finds the
change after it.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

NAME = "acme-leaves"
MLP = "src/acme_leaves/mlp.py"
MODELS = "acme_leaves_mlp", "acme_leaves_mlp:Spirals_RefV1"
NETWORK = "src/acme_leaves/_mlp.py"

# What the author adds to the network: two norms, the eps of one of which may come from a context.
NETWORK_EDITS = [
    ("Tensor, nn\n", "Tensor, nn\n\nfrom dapi import ContextParams\n"),
    ("        super().__init__()\n",
     '        super().__init__()\n        self.eps = ContextParams.get(self, "eps", 1e-5)\n'),
    ("        logits: Tensor = self.classify(self.features(x))\n",
     "        hidden = nn.functional.layer_norm(self.features(x), (32,), eps=self.eps)\n"
     "        hidden = nn.functional.layer_norm(hidden + x.mean(), (32,), eps=1e-6)\n"
     "        logits: Tensor = self.classify(hidden)\n"),
]  # fmt: skip
ENTRY_EDITS = [
    ('build=Build(config={"in_features": 2, "num_classes": 2, "width": 32}),',
     'build=Build(\n            config={"in_features": 2, "num_classes": 2, "width": 32},\n'
     '            context={"acme_leaves._mlp:MLP": {"eps": 0.001}},\n        ),'),
]  # fmt: skip
# What can be compared: a sample of the task, and what runs it.
TASK = '''"""What the models are checked on."""

from dapi import tasks


def sample(weights):
    """Return points."""
    return tasks.Sample([(0.4, 0.1), (-0.4, -0.1)])


def run(model, weights):
    """Return what runs a model on points."""
    prepare, name = weights.transforms(), weights.postprocess()

    def predict(points):
        return tasks.Prediction({"spirals": name(model(tasks.place(prepare(points), model)))})

    return tasks.Predictor(lambda source: [], predict)
'''
POINTS = """
[project.entry-points."dapi.samples"]
tabular-classification = "acme_leaves.points:sample"

[project.entry-points."dapi.tasks"]
tabular-classification = "acme_leaves.points:run"
"""


@dataclass(frozen=True)
class Mutation:
    """A change of the second release, and what must be said.

    Attributes:
        rule: That is named.
        edits: Texts that are replaced, each in a file.
        changes_results: Whether users get other numbers or names.
    """

    rule: str
    edits: tuple[tuple[str, str, str], ...] = ()
    changes_results: bool = True


CATEGORIES = '"first spiral", "second spiral"', '"second spiral", "first spiral"'
MUTATIONS = {
    "activation": Mutation("EVAL_OUTPUT_SAME", ((NETWORK, "nn.ReLU()", "nn.SiLU()"),)),
    "eps without a context": Mutation("EVAL_OUTPUT_SAME", ((NETWORK, "1e-6", "1e-4"),)),
    "value in a context": Mutation(
        "WEIGHTS_MEMBER_SAME_BUILD", ((MLP, '"eps": 0.001', '"eps": 0.1'),)
    ),
    "other bytes": Mutation("WEIGHTS_MEMBER_SAME_BYTES"),
    "categories reordered": Mutation("META_SAME_CATEGORIES", ((MLP, *CATEGORIES),)),
    "postprocess disagrees": Mutation(
        "POSTPROCESS_MATCHES_META",
        ((MLP, "categories=_CATEGORIES", "categories=_CATEGORIES[::-1]"),),
    ),
    "std": Mutation("TRANSFORMS_SAME_CONFIG", ((MLP, "std=[0.5, 0.5]", "std=[0.1, 0.1]"),)),
    "license": Mutation(
        "WEIGHTS_MEMBER_SAME_LICENSE",
        ((MLP, '"license": "BSD-3-Clause"', '"license": "GPL-3.0-only"'),),
        changes_results=False,
    ),
    "member renamed": Mutation(
        "WEIGHTS_MEMBER_NO_DELETE", ((MLP, "Spirals_RefV1", "Spirals_V1"),), changes_results=False
    ),
    "argument that changes results": Mutation(
        "EVAL_OUTPUT_SAME",
        (
            (MLP, "    width: int = 32,\n", "    width: int = 32,\n    gain: float = 2.0,\n"),
            (MLP, "width=width)", "width=width, gain=gain)"),
            (NETWORK, "width: int = 32)", "width: int = 32, gain: float = 2.0)"),
            (NETWORK, "        self.eps", "        self.gain = gain\n        self.eps"),
            (NETWORK, "self.classify(hidden)", "self.classify(hidden * self.gain)"),
        ),
    ),
}
FIRST, *OTHERS = MUTATIONS


def edit(path, edits):
    """Replace texts that are there."""
    text = path.read_text("utf-8")
    for old, new in edits:
        assert old in text, f"{path} does not have {old!r}"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def build(project):
    """Build the wheel of a project as its author does."""
    output = project.parent / f"{project.name}-dist"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return next(output.glob("*.whl"))


@pytest.fixture(scope="module")
def first(shared_environment, wheels, tmp_path_factory):
    """The first release, installed from its wheel; its snapshot, and what its models said."""
    folder = tmp_path_factory.mktemp("first")
    environment = shared_environment
    environment.borrow("dapi-core[torch]", "dapi-devkit", "lazy-loader", "numpy")
    environment.install(wheels["dapi-core"], wheels["dapi-devkit"])
    environment.variables["OMP_NUM_THREADS"] = "1"
    project = folder / NAME
    command = [environment.path / "bin" / "dapi", "new", NAME]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    edit(project / NETWORK, NETWORK_EDITS)
    edit(project / MLP, ENTRY_EDITS)
    (project / "src/acme_leaves/points.py").write_text(TASK)
    pyproject = project / "pyproject.toml"
    if "dapi.samples" not in pyproject.read_text("utf-8"):
        edit(pyproject, [("[tool.mypy]", f"{POINTS}\n[tool.mypy]")])
    environment.install(build(project))
    files = folder / "before.json.gz", folder / "answers.json"
    for words in (
        ("snapshot", NAME, "--output", str(files[0])),
        ("answers", *MODELS, "--output", str(files[1])),
    ):
        said = environment.dapi(*words)
        assert said.returncode == 0, said.stdout + said.stderr
    return environment, project, *files


def upgrade(environment, wheel):
    """Install a wheel, though another of the same version is installed."""
    environment.pip("install", "--no-index", "--no-deps", "--quiet", "--force-reinstall", wheel)


def second(project, folder, mutation, which):
    """Make the second release: a copy of the project with one change, and the next version."""
    changed = folder / NAME
    shutil.copytree(project, changed)
    edit(changed / "pyproject.toml", [('version = "0.1.0"', 'version = "0.2.0"')])
    for file, old, new in mutation.edits:
        edit(changed / file, [(old, new)])
    if which == "other bytes":
        _point_at_other_bytes(changed)
    return build(changed)


def _point_at_other_bytes(project):
    """Put another file behind the published member."""
    from hashlib import sha256

    from safetensors.torch import load_file, save

    [old] = (project / "src/acme_leaves/data").glob("*.safetensors")
    state = {key: value * 1.5 for key, value in load_file(old).items()}
    content, published = save(state, metadata={"format": "pt"}), old.read_bytes()
    old.write_bytes(content)
    facts = [(each(published), each(content)) for each in (lambda c: sha256(c).hexdigest(), len)]
    edit(project / MLP, [(str(was), str(now)) for was, now in facts if was != now])


@pytest.mark.parametrize(
    "which", [FIRST, *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)]
)
def test_change_is_found_by_its_publisher_and_by_users(first, tmp_path, which):
    """``dapi breaking`` names the rule and fails; ``dapi check`` says that the results differ."""
    environment, project, snapshot, answers = first
    mutation = MUTATIONS[which]
    upgrade(environment, second(project, tmp_path, mutation, which))

    said = environment.dapi("breaking", NAME, "--against", str(snapshot), "--format", "json")
    found = json.loads(said.stdout)
    breaks = {each["name"]: each for each in found["found"] if each["level"] == "break"}

    assert said.returncode == 1, said.stdout + said.stderr
    assert mutation.rule in breaks
    assert breaks[mutation.rule]["file"].endswith("mlp.py") and breaks[mutation.rule]["line"] > 0
    if mutation.changes_results:
        checked = environment.dapi("check", *MODELS, "--answers", str(answers), "--json")
        states = {each["state"] for each in map(json.loads, checked.stdout.splitlines())}
        assert checked.returncode == 1 and "differs" in states, checked.stdout + checked.stderr


def test_release_without_a_change_is_silent(first, tmp_path):
    """A release of the same code breaks nothing, and says the same."""
    environment, project, snapshot, answers = first
    upgrade(environment, second(project, tmp_path, Mutation(""), ""))

    said = environment.dapi("breaking", NAME, "--against", str(snapshot))
    checked = environment.dapi("check", *MODELS, "--answers", str(answers))

    assert (said.returncode, checked.returncode) == (0, 0), said.stdout + checked.stdout
