"""The page of a comparison, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tunekit.comparison.page import render_page

from ..unit.comparison.page import samples

if TYPE_CHECKING:
    from .conftest import Opener

TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "classification": lambda: samples.classification(600, 77),
    "extraction": samples.extraction,
    "preference": samples.preference,
    "transformation": samples.transformation,
    "hostile": samples.hostile,
}


def many_rows(rows: int) -> dict[str, Any]:
    comparison = samples.classification()
    known = comparison["rows"]
    comparison["rows"] = [
        {**known[at % len(known)], "row": at, "id": f"{at:016x}", "input": f"message {at} " * 9}
        for at in range(rows)
    ]
    return comparison


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("width", [1280, 360])
def test_a_page_is_quiet_asks_nobody_and_fits(opened: Opener, task: str, width: int) -> None:
    seen = opened(render_page(TASKS[task]()), width=width)
    page = seen.page

    assert page.locator("h1").is_visible()
    assert page.locator("#row-list .row").count() > 0
    assert seen.said == []
    assert seen.asked == [page.url]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_chart_has_its_numbers(opened: Opener) -> None:
    page = opened(render_page(samples.classification())).page
    images = page.get_by_role("img")

    # Folded ones are not in the tree of what is told.
    assert images.count() > 10
    for image in images.all():
        assert image.evaluate("one => one.querySelector('title').textContent.length") > 0
        numbers = image.locator("xpath=ancestor::figure//details")
        numbers.locator("summary").click()
        assert numbers.locator("tbody tr").count() > 0
        assert numbers.locator("table").is_visible()


def test_rows_are_searched(opened: Opener) -> None:
    comparison = samples.classification()
    comparison["rows"][5]["input"] = "Ein Satz mit ÜBERMUT"
    page = opened(render_page(comparison)).page

    page.get_by_label("Search").fill("übermut")
    page.get_by_text("Rows 1 to 1 of 1, found among").wait_for()
    assert page.locator(".row .text").all_inner_texts() == ["Ein Satz mit ÜBERMUT"]
    page.get_by_label("Search").fill("no such words anywhere")
    page.get_by_text("No such row.").wait_for()
    assert page.locator(".row").count() == 0


def test_rows_are_filtered_by_who_was_right(opened: Opener) -> None:
    comparison = samples.classification()
    first, _, third = (model["name"] for model in comparison["models"])
    page = opened(render_page(comparison)).page

    page.get_by_label("against").select_option(label=third)
    page.get_by_label("Show").select_option("won")
    expected = [
        row["input"]
        for row in comparison["rows"]
        if row["answers"][first]["right"] and not row["answers"][third]["right"]
    ]
    assert page.locator("#row-count").inner_text().startswith(f"Rows 1 to 25 of {len(expected)},")
    assert page.locator(".row .text").all_inner_texts() == expected[:25]


def test_rows_are_sorted(opened: Opener) -> None:
    comparison = samples.classification()
    first = comparison["models"][0]["name"]
    page = opened(render_page(comparison)).page

    page.get_by_label("Sort by").select_option("unsure")
    sure = sorted(row["answers"][first]["probability"] for row in comparison["rows"])
    shown = page.locator(".row .answers > div:nth-child(2) .sure").all_inner_texts()
    assert [float(one) for one in shown] == pytest.approx(sure[:25], abs=0.0051)


def test_pages_are_turned_by_the_keyboard(opened: Opener) -> None:
    page = opened(render_page(samples.classification())).page

    page.locator("#row-next").focus()
    page.keyboard.press("Enter")
    assert page.locator("#row-count").inner_text().startswith("Rows 26 to 50 of ")
    assert page.evaluate("document.activeElement.id") == "row-next"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.locator("#row-count").inner_text().startswith("Rows 1 to 25 of ")


def test_only_what_scrolls_is_a_stop_for_the_keyboard(opened: Opener) -> None:
    text = render_page(samples.classification())
    count = "document.querySelectorAll('section > .scroll[tabindex]').length"
    wide, narrow = opened(text).page, opened(text, width=360).page

    wide.wait_for_function(f"{count} === 0")
    narrow.wait_for_function(f"{count} > 2")


def test_the_first_stop_leads_past_the_links(opened: Opener) -> None:
    page = opened(render_page(samples.classification())).page

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_hostile_rows_are_text(opened: Opener) -> None:
    seen = opened(render_page(samples.hostile()))
    page = seen.page
    page.get_by_label("Rows on a page").select_option("100")

    assert page.title().endswith("comparison")
    assert page.locator("img, iframe, script:not([type])").count() == 1
    shown = page.locator(".row .text").all_inner_texts()
    for text in samples.HOSTILE[:4]:
        assert text in shown
    assert "pay ⟨RLO⟩gnp.exe now" in shown
    assert "nul ⟨U+0000⟩ bell ⟨U+0007⟩ half ⟨U+D83D⟩ surrogate" in shown
    assert page.locator(".row bdi[dir=auto]").count() > 0
    assert seen.said == []


def test_what_the_script_may_do_is_bounded(opened: Opener) -> None:
    page = opened(render_page(samples.classification())).page

    page.evaluate(
        "new Promise(done => {"
        "  document.addEventListener('securitypolicyviolation', done, {once: true});"
        "  const image = document.createElement('img');"
        "  image.src = 'http://127.0.0.1:9/'; document.body.append(image);"
        "})"
    )
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>bold</b>'")


@pytest.mark.parametrize("dark", [False, True])
def test_the_theme_follows_the_system_until_it_is_chosen(opened: Opener, dark: bool) -> None:
    page = opened(render_page(samples.preference()), dark=dark).page
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)

    assert (before == "rgb(20, 22, 26)") == dark
    button = page.get_by_role("button", name="Light" if dark else "Dark")
    button.click()
    assert (page.evaluate(colour) == "rgb(20, 22, 26)") != dark


def test_on_paper_everything_is_unfolded_in_light(opened: Opener) -> None:
    page = opened(render_page(samples.classification()), dark=True).page

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 252, 250)"
    assert not page.locator("#row-form").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_ten_thousand_rows_are_searched_while_typing(opened: Opener) -> None:
    text = render_page(many_rows(10_000))
    seen = opened(text)
    page = seen.page

    assert len(text.encode()) < 2_000_000
    assert "of 10,000" in page.locator("#row-count").inner_text()
    page.get_by_label("Search").press_sequentially("message 9876 ")
    page.get_by_text("Rows 1 to 1 of 1, found among 10,000").wait_for()
    assert page.locator(".row").count() == 1
    assert seen.said == []


def test_one_model_alone_has_no_pairs_to_choose(opened: Opener) -> None:
    comparison = samples.classification(100, 4, accuracies=(0.8,))
    page = opened(render_page(comparison)).page

    assert not page.get_by_label("against").is_visible()
    page.get_by_label("Show").select_option("wrong")
    assert "of " in page.locator("#row-count").inner_text()
    assert "nothing to compare it with" in page.locator("h1").inner_text()


def test_without_script_all_but_the_rows_is_there(browser: Any, tmp_path: Any) -> None:
    path = tmp_path / "page.html"
    path.write_text(render_page(samples.classification()), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())

    assert page.get_by_text("Reading rows needs JavaScript").is_visible()
    assert not page.locator("#row-form").is_visible()
    assert page.get_by_role("img").count() > 10
    context.close()
