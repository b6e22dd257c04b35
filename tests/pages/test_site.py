"""The documentation as it is built: its links, and how it behaves in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Seen
from .links import broken, foreign, pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.soak  # the build takes most of a minute

ROOT = Path(__file__).resolve().parents[2]
PHONE = 390
SOME = ("", "tutorials/classification/", "how-to/compare/", "reference/support/", "de/")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly, as ``make docs`` builds it."""
    target = tmp_path_factory.mktemp("site")
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    for words in (
        ["scripts/pictures.py"],
        ["-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
    ):
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served: search doesn't work from files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visited(browser: Browser, address: str) -> Iterator[Callable[..., Seen]]:
    """Opens a page of the site."""
    contexts = []

    def visit(path: str = "", *, width: int = 1280, dark: bool = False) -> Seen:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.goto(f"{address}{path}")
        return seen

    yield visit
    for context in contexts:
        context.close()


def test_no_link_leads_nowhere(site: Path) -> None:
    assert len(pages(site)) > 40
    assert list(broken(site)) == []


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    assert list(foreign(site)) == []
    for picture in (site / "pictures").glob("*.svg"):
        assert "url(http" not in picture.read_text(encoding="utf-8"), picture.name


@pytest.mark.parametrize("path", SOME)
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_quiet_and_asks_nobody_else(
    visited: Callable[..., Seen], address: str, path: str, dark: bool
) -> None:
    seen = visited(path, dark=dark)
    seen.page.wait_for_load_state("networkidle")

    assert seen.page.locator("h1").first.is_visible()
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_search_finds_migrate(visited: Callable[..., Seen]) -> None:
    page = visited().page

    page.locator("[data-md-component=search-query]").click()
    page.locator("[data-md-component=search-query]").press_sequentially("migrate")
    page.locator(".md-search-result__link[href*='how-to/compare']").first.wait_for()
    page.locator(".md-search-result__link[href$='#tunekit.migrate']").first.click()
    page.wait_for_url(lambda url: "h=migrate" in url)
    assert page.locator("article mark").first.inner_text().lower() == "migrate"


def test_search_knows_german(visited: Callable[..., Seen]) -> None:
    page = visited("de/").page

    page.locator("[data-md-component=search-query]").click()
    page.locator("[data-md-component=search-query]").press_sequentially("Schnellstart")
    page.locator(".md-search-result__link[href*='de/schnellstart']").first.wait_for()


def test_navigation_opens_a_page(visited: Callable[..., Seen]) -> None:
    page = visited().page

    page.locator(".md-tabs").get_by_role("link", name="How to").click()
    page.locator(".md-sidebar--primary").get_by_role("link", name="Check your data").click()
    page.wait_for_url("**/how-to/check-your-data/")
    assert page.locator("h1").first.inner_text().startswith("Check your data")


def test_navigation_opens_a_page_on_a_phone(visited: Callable[..., Seen]) -> None:
    page = visited(width=PHONE).page

    page.locator("label.md-header__button[for=__drawer]").first.click()
    drawer = page.locator(".md-sidebar--primary")
    drawer.get_by_text("Concepts", exact=True).first.click()
    drawer.get_by_role("link", name="Calibration").click()
    page.wait_for_url("**/concepts/calibration/")


def test_code_is_copied(visited: Callable[..., Seen]) -> None:
    page = visited("tutorials/classification/").page
    block = page.locator(".highlight").first

    block.hover()
    block.locator("[title='Copy to clipboard']").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()
    assert copied.startswith("from tunekit import")


@pytest.mark.parametrize("dark", [False, True])
def test_the_theme_follows_the_system_until_it_is_chosen(
    visited: Callable[..., Seen], dark: bool
) -> None:
    page = visited("how-to/compare/", dark=dark).page
    scheme = "document.body.dataset.mdColorScheme"

    assert page.evaluate(scheme) == ("slate" if dark else "default")
    shown = page.locator("article img:visible")
    assert all(f"-{'dark' if dark else 'light'}.svg" in one for one in _sources(shown))
    page.locator(f"label[title='{'Light' if dark else 'Dark'}']").click()
    assert page.evaluate(scheme) == ("default" if dark else "slate")
    assert all(f"-{'light' if dark else 'dark'}.svg" in one for one in _sources(shown))


def _sources(images: Any) -> list[str]:
    found = [str(one.get_attribute("src")) for one in images.all()]
    assert found, "no picture is shown"
    return found


def test_pictures_and_the_page_of_a_comparison_are_shown(visited: Callable[..., Seen]) -> None:
    page = visited("how-to/compare/").page

    for image in page.locator("article img").all():
        if image.is_visible():
            image.scroll_into_view_if_needed()
        assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") > 100
    page.locator("object.page-frame").scroll_into_view_if_needed()
    (frame,) = (one for one in page.frames if one.url.endswith("/comparison.html"))
    assert "tuned" in frame.locator("h1").inner_text()


def test_no_page_is_wider_than_a_phone(
    visited: Callable[..., Seen], address: str, site: Path
) -> None:
    page = visited(width=PHONE).page
    wide = []
    for path in pages(site):
        place = path.relative_to(site).as_posix()
        page.goto(f"{address}{place}")
        width = page.evaluate("document.scrollingElement.scrollWidth")
        if width > PHONE:
            wide.append(f"{place}: {width}")
    assert wide == []
