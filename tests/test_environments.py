"""Each distribution installs alone, from its wheel, with what it declares and nothing more."""

from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
LISTING = "import dapi, json; print(json.dumps(dapi.list_models()))"

WORKS = {
    "dapi-vision": """
        import dapi, json, torch
        model = dapi.get_model("resnet20").eval()
        preprocess = dapi.weights_of(model).transforms()
        image = torch.zeros(1, 8, 8, dtype=torch.uint8)
        print(json.dumps(list(model(preprocess(image)[None]).shape)))
    """,
    "dapi-text": """
        import dapi, json, torch
        model = dapi.get_model("roberta_base", weights=None, num_hidden_layers=1, hidden_size=12)
        ids = torch.tensor([[0, 5, 2]])
        print(json.dumps(list(model(ids).last_hidden_state.shape)))
    """,
    "dapi-audio": """
        import dapi, json, torch
        model = dapi.get_model("tacotron2", weights=None, n_symbol=38)
        print(json.dumps([model.embedding.num_embeddings]))
    """,
}
EXPECTED = {"dapi-vision": [1, 10], "dapi-text": [1, 3, 12], "dapi-audio": [38]}


def test_core_alone_needs_no_framework(environment, wheels):
    """dapi-core brings neither torch nor numpy, lists nothing, and says who has resnet50."""
    needed = environment.borrow("dapi-core")
    environment.install(wheels["dapi-core"])

    assert needed <= {"platformdirs", "pluggy", "tqdm"}
    assert [] == environment.run(LISTING)
    shown = environment.dapi("show", "resnet50")
    assert shown.returncode == 1
    assert "pip install dapi-vision" in shown.stderr


@pytest.mark.parametrize("name", WORKS)
def test_domain_installs_alone(environment, wheels, name):
    """A domain's wheel and what it requires are enough to list its models and to build one."""
    needed = environment.borrow(name)
    environment.install(wheels["dapi-core"], wheels[name])
    others = {"dapi-vision": "torchaudio", "dapi-text": "torchaudio", "dapi-audio": "torchvision"}

    assert others[name] not in needed
    models = environment.run(LISTING)
    assert models
    assert EXPECTED[name] == environment.run(WORKS[name])
    assert 0 == environment.dapi("doctor").returncode


@pytest.mark.parametrize(
    ("core", "domain"), [("wheel", "editable"), ("editable", "wheel"), ("editable", "editable")]
)
def test_wheel_and_editable_installs_mix(environment, wheels, tmp_path, core, domain):
    """However core and a domain are installed, both are found."""
    environment.borrow("dapi-core", "lazy-loader", "hatchling", "editables")
    for name, kind in (("dapi-core", core), ("dapi-vision", domain)):
        if kind == "wheel":
            environment.install(wheels[name])
        else:
            options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet")
            environment.pip("install", *options, "--editable", PACKAGES / name)

    code = """
        import dapi, dapi.vision, json
        print(json.dumps(str(dapi.get_weights("resnet20:Digits_RefV2"))))
    """
    assert "resnet50" in environment.run(LISTING)
    assert "resnet20:Digits_RefV2" == environment.run(code)
