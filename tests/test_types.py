"""Types, as an editor sees them: pyright reads installed wheels, for it finds no editables."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_public_names_have_the_types_that_users_see(environment, wheels, tmp_path):
    """``dapi.vision`` and the others resolve, and every assertion about types holds."""
    environment.install(*wheels.values())
    needed = environment.borrow(
        "dapi-vision", "dapi-text", "dapi-audio", "dapi-devkit", "dapi-lock", "dapi-export"
    )
    config = {
        "include": [str(ROOT / "tests/typing")],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",  # each of them refuses what it stands at
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    checker = Path(sys.executable).with_name("basedpyright")
    command = [checker, "--project", tmp_path, "--pythonpath", environment.python, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(done.stdout)

    assert "torch" in needed
    assert [] == [each["message"] for each in found["generalDiagnostics"]]
    assert 1 == found["summary"]["filesAnalyzed"], done.stderr
