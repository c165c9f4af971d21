"""Take the pictures of the catalogue that docs/ shows, and others to look at.

    nox -s browser -- --screens

It needs Playwright, and Chromium from the system's packages. All pictures are written into
``output/screens``; those that the documentation shows also into ``docs/images``, with few colors.
Where the site was built, its start page and its reference are among them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
BINARIES = ("chromium", "chromium-browser", "google-chrome")
ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "output" / "screens"
IMAGES = ROOT / "docs" / "images"
SITE = ROOT / "build" / "site"
KEPT = {"light": "catalogue", "panel-dark": "catalogue-panel"}
COLORS = 64

WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
SCREENS: list[tuple[str, Any, Any, str]] = [
    ("light", WIDE, "light", "task=image-classification&sort=value&descending=true"),
    ("dark", WIDE, "dark", "dataset=COCO-val2017&axis=mib"),
    ("panel", WIDE, "light", "weights=resnet50:ImageNet1K_RefV2"),
    ("panel-dark", WIDE, "dark", "weights=roberta_tiny:ManPages_RefV1"),
    ("phone", PHONE, "light", "q=resnet"),
    ("phone-panel", PHONE, "dark", "weights=resnet20_v2:Digits_RefV1"),
    ("plain", {"width": 1500, "height": 900}, "light", ""),
    ("tablet", {"width": 900, "height": 900}, "light", "license=permissive"),
]
SITE_SCREENS = {"site": "index.html", "site-reference": "reference/dapi.html"}


def find_chromium() -> str | None:
    """Return the path of the system's browser."""
    return next(filter(None, map(shutil.which, BINARIES)), None)


def main() -> None:
    """Take all pictures."""
    from dapi.devkit._page import installed, page

    OUTPUT.mkdir(parents=True, exist_ok=True)
    catalogue = OUTPUT / "catalogue.html"
    catalogue.write_text(page(installed()), encoding="utf-8")
    views = [
        (name, size, scheme, f"{catalogue.as_uri()}#{at}") for name, size, scheme, at in SCREENS
    ]
    if SITE.is_dir():
        views += [(n, WIDE, "light", (SITE / path).as_uri()) for n, path in SITE_SCREENS.items()]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=OPTIONS)
        for name, size, scheme, address in views:
            tab = browser.new_page(viewport=size, color_scheme=scheme)
            tab.goto(address)
            tab.wait_for_timeout(500)  # milliseconds: the site's script draws its parts
            tab.screenshot(path=OUTPUT / f"{name}.png")
            tab.close()
        browser.close()
    for name, kept in KEPT.items():
        keep(OUTPUT / f"{name}.png", IMAGES / f"{kept}.png")


def keep(source: Path, target: Path) -> None:
    """Write a picture of few colors, so that it stays small."""
    from PIL import Image

    with Image.open(source) as image:
        few = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    few.save(target, optimize=True)


if __name__ == "__main__":
    main()
