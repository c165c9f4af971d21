"""Sources: repositories and files that nobody published for dapi, locked file by file."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dapi
from dapi import cache
from dapi.exceptions import NotLockedError
from dapi.lock import locked, read
from dapi.lock.exceptions import PolicyError, SyncError

pytestmark = pytest.mark.usefixtures("project")

WEIGHTS = bytes(range(256)) * 8
FILES = {
    "README.md": b"# A model\n",
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": WEIGHTS,
    "onnx/model.onnx": WEIGHTS[::-1],
    "unet/config.json": b"{}",
}
CARD = {"license": "apache-2.0"}


@pytest.fixture
def repo(hub):
    pytest.importorskip("huggingface_hub")
    return hub.repo("acme/tiny", FILES, card=CARD)


def tree(folder):
    """The files of a folder, by name."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def empty_cache():
    for blob in cache.blobs():
        cache.remove(blob.sha256)


class TestHub:
    def test_repository_is_locked_by_commit_file_by_file(self, hub, repo, run):
        """The real client asks once; only files without a published sha256 are downloaded."""
        status, printed = run("lock", "hf:acme/tiny@main")

        (entry,) = read("dapi.lock").weights
        assert 0 == status, printed
        assert ("acme/tiny", ("hf:acme/tiny@main",)) == (entry.name, entry.requested)
        assert ("Apache-2.0", repo.revisions["main"]) == (entry.license, entry.revision)
        assert {*FILES} == {file.name for file in entry.files}
        assert all(entry.revision in file.urls[0] for file in entry.files)
        assert {True} == {file.is_published for file in entry.files}
        paths = [path for path, _ in hub.asked]
        assert 1 == len([path for path in paths if path.startswith("/api/models/")])
        assert not any("model." in path for path in paths)

    def test_same_lock_without_a_request_until_it_is_upgraded(self, hub, repo, run):
        """A branch that moves changes nothing by itself; --upgrade says what changes."""
        run("lock", "hf:acme/tiny@main")
        first = Path("dapi.lock").read_bytes()
        repo.commit({**FILES, "config.json": b'{"model_type": "other"}'})
        hub.asked.clear()

        checked, again = run("lock", "--check"), run("lock")
        asked = [*hub.asked]
        same = Path("dapi.lock").read_bytes()
        upgraded = run("lock", "--upgrade", "acme/tiny")

        assert (0, 0) == (checked[0], again[0]) and first == same and [] == asked
        assert "revision" in upgraded[1] and "config.json sha256" in upgraded[1]
        assert repo.revisions["main"] == read("dapi.lock").weights[0].revision

    def test_patterns_choose_files(self, repo, run):
        """On the command line, and in the project, where they are kept."""
        run("lock", "hf:acme/tiny", "--include", "*.json", "--include", "model.*", "--as", "tiny")

        (entry,) = read("dapi.lock").weights
        assert "tiny" == entry.name and ("*.json", "model.*") == entry.include
        assert {"config.json", "model.safetensors", "unet/config.json"} == {
            file.name for file in entry.files
        }
        assert 0 == run("lock", "--check")[0]

    def test_project_names_sources_in_a_table(self, repo, project, run):
        """Changed patterns make the lock stale, and are resolved again."""
        text = "[tool.dapi]\nweights = [\n  {source = 'hf:acme/tiny@main', exclude = [%s]},\n]\n"
        project(text % "'onnx/'")
        run("lock")
        first = {file.name for file in read("dapi.lock").weights[0].files}
        project(text % "'onnx/', '*.md'")

        stale, synced = run("lock", "--check"), run("sync")
        run("lock")

        assert 1 == stale[0] and 1 == synced[0] and "other patterns" in synced[1]
        assert {*FILES} - {"onnx/model.onnx"} == first
        assert first - {"README.md"} == {file.name for file in read("dapi.lock").weights[0].files}

    def test_command_line_adds_a_table_to_the_project(self, repo, zoo, project, run):
        """Comments stay; names that are not sources stay strings."""
        folder = project("[tool.dapi]\nweights = ['net']  # what we serve\n")

        run("lock", "hf:acme/tiny", "--exclude", "*.md")
        text = (folder / "pyproject.toml").read_text()
        removed, _ = run("lock", "--remove", "acme/tiny")

        assert "# what we serve" in text and "'net'" in text
        assert 'source = "hf:acme/tiny"' in text and 'exclude = ["*.md"]' in text
        assert 0 == removed and "acme/tiny" not in (folder / "pyproject.toml").read_text()

    def test_directory_holds_the_files_and_nothing_else(self, hub, repo, run, monkeypatch):
        """By name; once they are in the cache without a request, and offline."""
        run("lock", "hf:acme/tiny")
        first = locked("acme/tiny").fetch(progress=False)
        hub.asked.clear()
        monkeypatch.setenv("DAPI_OFFLINE", "1")

        second = locked("hf:acme/tiny").fetch(progress=False)

        assert FILES == tree(first) and first == second and [] == hub.asked

    def test_lock_that_the_process_is_bound_to_is_asked(self, repo, run, monkeypatch, tmp_path):
        """Wherever the process runs; what that lock does not name is refused."""
        run("lock", "hf:acme/tiny")
        lock = Path("dapi.lock").absolute()
        monkeypatch.chdir(tmp_path)
        with dapi.use_lock(lock):
            assert FILES == tree(locked("acme/tiny").fetch(progress=False))
            with pytest.raises(NotLockedError, match="dapi lock acme/other"):
                locked("acme/other")

    def test_files_that_the_policy_does_not_allow_are_refused(self, repo, run, monkeypatch):
        """DAPI_LICENSES holds wherever weights are fetched."""
        run("lock", "hf:acme/tiny")
        monkeypatch.setenv("DAPI_LICENSES", "MIT")

        with pytest.raises(PolicyError, match=r"acme/tiny has the license 'Apache-2\.0'"):
            locked("acme/tiny")

    def test_commit_that_was_requested_is_not_replaced_by_another(self, repo, run):
        """The server, or a mirror of it, cannot choose."""
        commit = repo.revisions["main"]
        repo.revisions[commit] = repo.commit({"config.json": b"[]"}, "other")

        status, printed = run("lock", f"hf:acme/tiny@{commit}")

        assert 1 == status and f"the server names the commit {repo.revisions[commit]!r}" in printed
        assert not Path("dapi.lock").exists()

    def test_small_file_that_the_commit_does_not_name_is_refused(self, hub, repo, run):
        """Git's id of the file is compared when its sha256 is computed."""
        hub.faults["acme/tiny/config.json"] = {"body": b'{"model_type": "evil"}'}

        status, printed = run("lock", "hf:acme/tiny")

        assert 1 == status and "config.json does not match the commit of" in printed
        assert not Path("dapi.lock").exists()

    @pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "\x1b[31m"])
    def test_name_that_leads_out_is_refused(self, hub, run, name):
        """The server is a stranger; nothing is written."""
        hub.repo("acme/evil", {**FILES, name: b"x"})

        status, printed = run("lock", "hf:acme/evil")

        assert 1 == status and "has a file named" in printed and not Path("dapi.lock").exists()

    @pytest.mark.parametrize(
        ("source", "told"),
        [
            ("hf:acme/absent", "hf auth login"),
            ("hf:acme/tiny@absent", "Revision"),
            ("hf:acme/tiny/config.json", "expected hf:owner/name@revision"),
        ],
    )
    def test_what_is_not_there_is_told(self, repo, run, source, told):
        """All at once with what else fails, and nothing is written."""
        status, printed = run("lock", source, "nett")

        assert 1 == status and "[nett]" in printed and told.lower() in printed.lower()
        assert not Path("dapi.lock").exists()

    @pytest.mark.parametrize("status", [429, 503])
    def test_request_that_is_limited_is_sent_again(self, hub, repo, run, status):
        """After the time that the server asks for."""
        fault = {"status": status, "headers": {"Retry-After": "0"}, "times": 3}
        hub.faults["acme/tiny/"] = fault

        assert 0 == run("lock", "hf:acme/tiny")[0]
        assert 0 == fault["times"]

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 429, "headers": {"Retry-After": "3600"}},
            {"status": 429, "headers": {"Retry-After": "0"}},
        ],
    )
    def test_request_that_stays_limited_is_an_error(self, hub, repo, run, fault):
        """Nobody waits for an hour, nor for ever."""
        hub.faults["acme/tiny/"] = fault

        status, printed = run("lock", "hf:acme/tiny")

        assert 1 == status and "429" in printed and not Path("dapi.lock").exists()

    def test_offline_asks_nobody(self, hub, repo, run, monkeypatch):
        """Locking a repository anew needs the network, and says so."""
        monkeypatch.setenv("DAPI_OFFLINE", "1")

        status, printed = run("lock", "hf:acme/tiny")

        assert 1 == status and "DAPI_OFFLINE is set" in printed and [] == hub.asked

    def test_absent_client_is_named(self, repo, run, monkeypatch):
        """It is an extra."""
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)

        status, printed = run("lock", "hf:acme/tiny")

        assert 1 == status and "pip install 'dapi-lock[hf]'" in printed

    def test_commands_know_repositories(self, hub, repo, run, monkeypatch, tmp_path):
        """Sync, verify, audit, bundle and unbundle; then a machine that was never online."""
        run("lock", "hf:acme/tiny")
        empty_cache()
        for words in (["sync"], ["verify", "--lock"], ["audit"], ["bundle", "-o", "a.tar"]):
            status, printed = run(*words)
            assert 0 == status, printed
        hub.repos.clear()
        monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "machine"))
        assert 0 == run("unbundle", "a.tar", "--lock", "dapi.lock")[0]
        assert FILES == tree(locked("acme/tiny").fetch(progress=False))

    def test_policy_knows_the_licence_of_a_repository(self, hub, repo, project, run):
        """Whatever the spelling of the card; a repository without one is unknown."""
        policy = "[tool.dapi.policy]\nlicenses = ['Apache-2.0']\nrequire-hash = true\n"
        project(f"[tool.dapi]\nweights = ['hf:acme/tiny']\n{policy}")
        hub.repo("acme/silent", FILES)

        allowed, refused = run("lock"), run("lock", "hf:acme/silent")

        assert 0 == allowed[0], allowed[1]
        assert 1 == refused[0] and "acme/silent has the license 'unknown'" in refused[1]


TRANSFORMERS = """
import sys, json
import dapi.lock
from transformers import AutoTokenizer, BertForMaskedLM
path = dapi.lock.locked("acme/bert").fetch(progress=False)
model = BertForMaskedLM.from_pretrained(path)
print(json.dumps([model.config.hidden_size, model.cls.predictions.bias[0].item()]))
"""


def test_transformers_reads_a_locked_directory(hub, run, tmp_path):
    """A model that save_pretrained wrote; offline, the Hub gone."""
    transformers = pytest.importorskip("transformers")
    import torch

    config = transformers.BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8, max_position_embeddings=8,
    )  # fmt: skip
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        model.cls.predictions.bias.fill_(0.25)
    model.save_pretrained(tmp_path / "bert")
    hub.repo("acme/bert", tree(tmp_path / "bert"), card={"license": "mit"})
    run("lock", "hf:acme/bert@main")
    run("sync")
    hub.repos.clear()

    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", TRANSFORMERS],
        env={**os.environ, "DAPI_LOCK": "dapi.lock", "DAPI_OFFLINE": "1"},
        capture_output=True, text=True,
    )  # fmt: skip

    assert [8, 0.25] == json.loads(result.stdout.splitlines()[-1]), result.stderr


class TestFiles:
    def test_file_of_a_url_is_fetched_once_and_hashed(self, zoo, run, own_cache):
        """Its name is that of the file; later bytes are refused."""
        url = f"https://localhost:{zoo.server.server_port}/vocab.txt"
        run("lock", url)
        path = locked("vocab.txt").fetch(progress=False)
        (entry,) = read("dapi.lock").weights
        empty_cache()
        zoo.server.serve("/vocab.txt", b"other")

        status, printed = run("sync")

        assert "vocab.txt" == path.name and not entry.files[0].is_published
        assert 1 == status and "vocab.txt of vocab.txt" in printed

    def test_query_and_password_are_not_in_the_lock(self, zoo, project, run):
        """The project has them; the lock is fresh, and what is locked stays."""
        url = f"https://me:secret@localhost:{zoo.server.server_port}/net-v2.safetensors?download=1"
        project(f"[tool.dapi]\nweights = ['{url}']\n")

        first, second, synced = run("lock"), run("lock", "--check"), run("sync")

        text = Path("dapi.lock").read_text()
        assert (0, 0, 0) == (first[0], second[0], synced[0]), first[1] + second[1] + synced[1]
        assert "secret" not in text and "download" not in text

    def test_project_states_a_licence(self, zoo, project, run):
        """Of a source that says nothing itself."""
        url = f"https://localhost:{zoo.server.server_port}/vocab.txt"
        project(
            f"[tool.dapi]\nweights = [{{source = '{url}', name = 'v', license = 'MIT'}}]\n"
            "[tool.dapi.policy]\nlicenses = ['MIT']\n"
        )

        assert 0 == run("lock")[0] and 0 == run("lock", "--check")[0]
        assert ("v", "MIT") == read("dapi.lock").weights[0][:7:6]

    def test_file_of_a_package_is_hashed_where_it_is(self, zoo, run):
        """And never downloaded, nor bundled."""
        run("lock", "package:acme_zoo_data/packed.safetensors#acme-zoo")

        assert 0 == run("sync")[0]
        assert zoo.packed == locked("packed.safetensors").fetch(progress=False).read_bytes()

    def test_local_files_are_copied_into_the_cache(self, project, run, monkeypatch, tmp_path):
        """Relative to the lock; another machine gets them by a bundle."""
        folder = project("")
        (folder / "models" / "sub").mkdir(parents=True)
        (folder / "models" / "a.bin").write_bytes(b"one")
        (folder / "models" / "sub" / "b.bin").write_bytes(b"two")
        run("lock", "./models/")
        assert 0 == run("sync")[0] and 0 == run("bundle", "-o", "a.tar")[0]
        for path in (folder / "models").rglob("*.bin"):
            path.unlink()

        monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "machine"))
        missing = run("sync")
        run("unbundle", "a.tar")
        run("lock", "--check")

        assert 1 == missing[0] and "a.bin of models" in missing[1]
        assert {"a.bin": b"one", "sub/b.bin": b"two"} == tree(locked("models").fetch())

    def test_local_file_that_changed_is_refused(self, project, run):
        """Until it is locked again."""
        folder = project("")
        (folder / "a.bin").write_bytes(b"one")
        run("lock", "./a.bin")
        (folder / "a.bin").write_bytes(b"two")

        refused = run("sync")
        upgraded, synced = run("lock", "--upgrade", "a.bin"), run("sync")

        assert 1 == refused[0] and "a.bin" in refused[1]
        assert (0, 0) == (upgraded[0], synced[0]) and b"two" == locked("a.bin").fetch().read_bytes()

    @pytest.mark.parametrize("path", ["./../x", "./a/../../x", ".//etc/passwd", "./absent", "./"])
    def test_local_path_stays_below_the_lock(self, run, path):
        """A lock means the same on every machine."""
        status, _ = run("lock", path)

        assert 1 == status and not Path("dapi.lock").exists()

    def test_url_of_a_local_file_is_refused(self, run):
        """A lock with it would be refused wherever it is read."""
        Path("a.bin").write_bytes(b"one")

        status, printed = run("lock", Path("a.bin").absolute().as_uri())

        assert 1 == status and "a local file as ./path" in printed
        assert not Path("dapi.lock").exists()

    def test_pipe_is_not_read(self, project, run):
        """Nothing waits for ever."""
        os.mkfifo(project("") / "pipe")

        assert 1 == run("lock", "./pipe")[0]

    def test_missing_file_offline_is_named(self, project, run, monkeypatch):
        """No request, and an error that lists it."""
        folder = project("")
        (folder / "a.bin").write_bytes(b"one")
        run("lock", "./a.bin")
        (folder / "a.bin").unlink()
        monkeypatch.setattr(socket.socket, "connect", None)

        with pytest.raises(SyncError, match=r"a\.bin of a\.bin"):
            locked("a.bin").fetch()


def test_object_of_a_cloud_store_is_locked_as_a_file(faulty, start):
    """What core fetches, dapi lock locks: once downloaded, hashed, and named by its path."""
    pytest.importorskip("obstore")
    modified = {"headers": {"Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}}
    faulty.serve("/bucket/models/ranker.bin", WEIGHTS, always=modified)
    settings = {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu",
        "AWS_ENDPOINT_URL": f"http://localhost:{faulty.server_port}", "AWS_ALLOW_HTTP": "true",
    }  # fmt: skip

    process = start("lock", "s3://bucket/models/ranker.bin", **settings)
    _, errors = process.communicate()

    assert 0 == process.returncode, errors.decode()
    (entry,) = read("dapi.lock").weights
    assert ("ranker.bin", len(WEIGHTS)) == (entry.name, entry.files[0].size)
    assert ("s3://bucket/models/ranker.bin",) == entry.files[0].urls
