"""examples/acme-models: what somebody else publishes, built, installed and used as a wheel."""

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ACME = Path(__file__).parents[1] / "examples" / "acme-models"


@pytest.fixture
def acme(environment, wheels, tmp_path):
    """An environment with the wheels of acme-models and of what it needs."""
    environment.borrow("dapi-vision", "dapi-devkit", "scikit-learn")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ACME, check=True, capture_output=True)
    [wheel] = tmp_path.glob("acme_models-*.whl")
    ours = (wheels[name] for name in ("dapi-core", "dapi-vision", "dapi-devkit"))
    environment.install(*ours, wheel)
    environment.variables["OMP_NUM_THREADS"] = "1"
    return environment


@pytest.fixture
def archive():
    """ACME's archive, on this machine: it serves files to who has the token."""

    class Guarded(SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.headers["Authorization"] == "Bearer secret":
                super().do_GET()
            else:
                self.send_error(401)

        def log_message(self, *args):
            pass

    handler = partial(Guarded, directory=ACME / "archive")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_wheel_is_listed_and_used(acme):
    """Its model beside ours, its weights beside our own; what stood there before stays."""
    answers = acme.run("""
        import dapi, json, warnings, torch
        warnings.simplefilter("ignore")
        answers = {"without torch": dapi.list_models(distribution="acme-models")}
        wine = dapi.get_model("wine_mlp").eval()
        weights = dapi.weights_of(wine)
        sample = [13.7, 1.9, 2.4, 17.0, 106.0, 2.9, 3.0, 0.3, 2.0, 6.2, 1.1, 3.0, 1285.0]
        answers["wine"] = weights.postprocess()(wine(weights.transforms()([sample])))[0][0]
        parity = dapi.get_model("resnet20:DigitParity_RefV1").eval()
        image = torch.zeros(1, 8, 8, dtype=torch.uint8)
        logits = parity(dapi.weights_of(parity).transforms()(image)[None])
        answers["parity"] = list(logits.shape)
        answers["latest"] = str(dapi.weights_of(dapi.get_model("resnet20")))
        print(json.dumps(answers))
    """)

    assert ["wine_mlp"] == answers["without torch"]
    assert "cultivator 1" == answers["wine"]
    assert [1, 2] == answers["parity"]
    assert "resnet20:Digits_RefV2" == answers["latest"]
    assert 0 == acme.dapi("doctor").returncode


def test_its_own_tests_pass_on_the_wheel(acme, tmp_path):
    """The conformance suite, and each published accuracy measured again."""
    command = [acme.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ACME]
    result = acme._run(command, check=False)

    assert 0 == result.returncode, result.stdout + result.stderr
    assert " passed" in result.stdout


def test_its_types_are_complete(request):
    """By the strict rules that it sets itself."""
    cache = str(request.config.cache.mkdir("mypy"))
    command = [sys.executable, "-m", "mypy", "--cache-dir", cache]
    result = subprocess.run(command, cwd=ACME, capture_output=True, text=True)

    assert 0 == result.returncode, result.stdout + result.stderr


def test_its_scheme_is_fetched_with_credentials(acme, archive):
    """A member in the archive: refused without the token, verified and loaded with it."""
    acme.variables |= {"ACME_SERVER": archive, "DAPI_OFFLINE": ""}
    refused = acme.dapi("fetch", "wine_mlp:Wine_RefV1")
    acme.variables |= {"ACME_TOKEN": "secret"}
    fetched = acme.dapi("fetch", "wine_mlp:Wine_RefV1")
    acme.variables |= {"DAPI_OFFLINE": "1"}
    loaded = acme.run("""
        import dapi, json, warnings
        warnings.simplefilter("ignore", dapi.exceptions.OutdatedWeightsWarning)
        print(json.dumps(str(dapi.weights_of(dapi.get_model("wine_mlp:Wine_RefV1")))))
    """)

    assert 4 == refused.returncode and "401 Unauthorized" in refused.stderr
    assert 0 == fetched.returncode, fetched.stderr
    assert "wine_mlp:Wine_RefV1" == loaded
