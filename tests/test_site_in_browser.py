"""The built site in a real browser: its search, and the way from the start page to ten answers.

Run by ``nox -s browser`` after ``nox -s docs``; skipped where the site was not built, or where
Playwright or Chromium is missing.
"""

import functools
import runpy
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.sync_api", reason="run by nox -s browser")

ROOT = Path(__file__).parents[1]
screens = runpy.run_path(str(ROOT / "docs" / "generate_screens.py"))
CHROMIUM = screens["find_chromium"]()
if CHROMIUM is None:
    pytest.skip("Chromium is not installed: apt-get install chromium", allow_module_level=True)
if not (screens["SITE"] / "index.html").is_file():
    pytest.skip("The site is not built: nox -s docs", allow_module_level=True)

# What a newcomer wants, the links to follow from the start page, and what the answer says.
TASKS = {
    "the best classifier under 30 M parameters": (
        ["the catalogue", "The best photo classifiers"], "efficientnet_v2_s:ImageNet1K_RefV1",
    ),
    "what my torchvision code becomes": (
        ["torchvision, timm"], "resnet50(weights=ResNet50Weights.ImageNet1K_RefV1)",
    ),
    "name what is in a photo": (["run a model on files"], "dapi predict efficientnet_lite0"),
    "ten classes of my own": (["train it further"], "new_head=True"),
    "a checkpoint of mine": (["Questions"], "dapi.WeightEntry.from_file(path)"),
    "why resnet50 changed": (["Questions"], "A new release marked other weights as the"),
    "the same result next year": (["the same result next year"], "Name the member"),
    "a cluster without a network": (["containers"], "export DAPI_OFFLINE=1"),
    "whether a file can run code": (["Questions"], "weights_only=True"),
    "publish a model": (["your own models"], "dapi new"),
    "the arguments of get_model": (["Reference"], "dapi.get_model"),
}  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    """The site, on loopback."""
    handler = functools.partial(Quiet, directory=screens["SITE"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=screens["OPTIONS"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser, address):
    """A tab on the start page; afterwards, no other server was asked and nothing complained."""
    complaints, requests = [], []
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(f"{address}/index.html")
    yield tab
    tab.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize("task", TASKS)
def test_newcomer_finds_the_answer(tab, task):
    """Each is at most two clicks away from the start page."""
    links, answer = TASKS[task]
    for text in links:
        row = tab.locator("tr", has_text=text).locator("a")
        link = row if row.count() else tab.locator("a:visible", has_text=text)
        link.first.click()
        tab.wait_for_load_state()

    assert answer in tab.inner_text("body") or tab.locator(f"[data-weights='{answer}']").count()


def test_search_finds_pages(tab):
    """The word of a heading leads to its page."""
    tab.get_by_role("button", name="Search").first.click()
    tab.locator("input:visible").first.fill("freezing")

    tab.locator("a[href*='fine-tuning']:visible").first.wait_for()
