from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from tunekit.comparison.page import render_page

from . import samples

ALL: dict[str, Callable[[], dict[str, Any]]] = {
    "classification": samples.classification,
    "many labels": lambda: samples.classification(600, 77),
    "extraction": samples.extraction,
    "preference": samples.preference,
    "transformation": samples.transformation,
    "hostile": samples.hostile,
}
VOID = {"meta", "input", "br", "img", "link"}


class Page(HTMLParser):
    """What a page has: its elements, their attributes and what stands in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "elements are nested"

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        self.inside.setdefault(where, []).append(data)
        if where not in ("script", "style"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def rows(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.inside["script"][0])
        return found


@pytest.fixture(params=ALL, scope="module")
def made(request: pytest.FixtureRequest) -> tuple[dict[str, Any], str, Page]:
    comparison = ALL[request.param]()
    text = render_page(comparison)
    return comparison, text, Page(text)


def section_ids(page: Page) -> list[str | None]:
    return [one["id"] for one in page.all("section")]


# --- structure ------------------------------------------------------------------------------------


def test_the_page_is_whole(made: tuple[dict[str, Any], str, Page]) -> None:
    _, text, page = made

    assert text.startswith("<!doctype html>")
    assert page.open == []
    assert len(page.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {(one.get("href") or "")[1:] for one in page.all("a")}
    assert targets <= set(ids)


def test_every_chart_says_in_words_and_numbers_what_it_shows(
    made: tuple[dict[str, Any], str, Page],
) -> None:
    _, _, page = made
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    images = [one for one in page.all("svg") if one.get("role") == "img"]

    assert images
    for image in images:
        assert {*(image["aria-labelledby"] or "").split()} <= ids
    assert len(page.all("figure")) == len(images)
    # Each has its table behind "The numbers".
    assert page.text.count("The numbers") == len(images)
    others = [one for one in page.all("svg") if one.get("role") != "img"]
    assert all(one.get("aria-hidden") == "true" for one in others)


def test_every_control_has_a_name(made: tuple[dict[str, Any], str, Page]) -> None:
    _, text, page = made

    assert len(page.all("label")) == len(page.all("input")) + len(page.all("select"))
    assert not re.search(r"<button[^>]*></button>", text)


def test_nothing_is_loaded_and_only_our_script_runs(
    made: tuple[dict[str, Any], str, Page],
) -> None:
    _, _, page = made
    policy = next(
        one["content"] or ""
        for one in page.all("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    _, script = page.inside["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert len(page.all("script")) == 2 and len(page.all("style")) == 1
    assert not page.all("link") and not page.all("img") and not page.all("iframe")
    for _, attributes in page.elements:
        assert not {"src", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


def test_the_same_comparison_gives_the_same_page(made: tuple[dict[str, Any], str, Page]) -> None:
    comparison, text, _ = made
    before = copy.deepcopy(comparison)

    assert render_page(comparison) == text
    assert comparison == before


def test_what_comes_from_outside_stands_there_as_text() -> None:
    comparison = samples.hostile()
    page = Page(render_page(comparison))
    known = {tag for tag, _ in Page(render_page(samples.classification(60, 4))).elements}

    assert {tag for tag, _ in page.elements} <= known
    assert len(page.all("script")) == 2
    for text in ("<script>document.title='owned'</script>", "{{ 7 * 7 }} {% raw %}"):
        assert text in page.text
    assert "pay ⟨RLO⟩gnp.exe" in page.text and "\u202e" not in page.text
    assert {samples.HOSTILE[0], samples.HOSTILE[2]} <= set(page.rows()["strings"])


# --- what is shown, and what isn't ----------------------------------------------------------------


def test_parts_without_data_are_left_out() -> None:
    comparison = samples.classification(60, 4)
    for model in comparison["models"]:
        model.update(curve=[], reliability=[], scores=None, latency=None, cost_per_1000=None)
    comparison.update(slices=[], findings=[], differences=[], rows=[])
    page = Page(render_page(comparison))

    assert section_ids(page) == ["figures", "labels", "confusions", "rows", "provenance"]
    assert "There is no row in which the models differ" in page.text
    assert "not measured" in page.text


def test_each_task_has_its_parts() -> None:
    whole = Page(render_page(samples.classification(200, 4)))
    assert section_ids(whole) == [
        "figures", "differences", "labels", "confusions", "slices", "probabilities", "rows",
        "curves", "findings", "provenance",
    ]  # fmt: skip
    spans = Page(render_page(samples.extraction()))
    assert "errors" in section_ids(spans) and "confusions" not in section_ids(spans)
    choices = Page(render_page(samples.preference()))
    assert "Choosing blindly would have an accuracy of 0.333." in choices.text
    texts = Page(render_page(samples.transformation()))
    assert "chrF" in texts.text and "probabilities" not in section_ids(texts)


def test_a_model_without_probabilities_says_why() -> None:
    comparison = samples.classification(60, 4)
    comparison["models"][1].update(reliability=[], scores=None)
    comparison["models"][1]["report"].update(ece=None, ece_missing="no row has an answer")

    text = Page(render_page(comparison)).text

    assert "has no probabilities to show: no row has an answer." in text


def test_dates_and_prints_stand_in_the_provenance() -> None:
    text = Page(render_page(samples.classification(60, 4))).text

    for expected in ("9f86d081884c7d65", "USD 0.42, prices of 2026-11-01", "run:20261126-7f3a"):
        assert expected in text
    assert "Sort the customer's message." in text and "lost_card" in text


def test_a_comparison_of_nothing_is_a_page() -> None:
    comparison = samples.classification(60, 4)
    comparison.update(models=[], differences=[], slices=[], rows=[], findings=[])

    assert "Nothing was measured" in Page(render_page(comparison)).text


# --- size -----------------------------------------------------------------------------------------


def many_rows(rows: int, *, length: int) -> dict[str, Any]:
    comparison = samples.classification(200, 77)
    known = comparison["rows"]
    comparison["rows"] = [
        {**known[at % len(known)], "row": at, "id": f"{at:016x}", "input": f"{at} <b> ü " * length}
        for at in range(rows)
    ]
    return comparison


@pytest.mark.parametrize("length", [1, 5, 2000])
def test_ten_thousand_rows_weigh_less_than_two_megabytes(length: int) -> None:
    text = render_page(many_rows(10_000, length=length))
    page = Page(text)
    rows = page.rows()["rows"]

    assert len(text.encode()) < 2_000_000
    assert len(rows) == 10_000
    assert ("more]" in rows[-1][2]) == (length > 5), "clipped texts say so, short ones aren't"


@pytest.mark.soak
def test_rows_without_room_are_counted() -> None:
    comparison = many_rows(60_000, length=12)
    comparison["rows_left_out"] = 7
    text = render_page(comparison)
    page = Page(text)
    kept = len(page.rows()["rows"])

    assert len(text.encode()) < 2_000_000
    assert 0 < kept < 60_000
    assert f"{60_000 - kept + 7:,} more are not in this page." in page.text


def test_templates_are_loaded_only_for_a_page() -> None:
    code = "import tunekit.comparison.page, sys; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
