"""The links of a built site, followed on disk."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Reference", "broken", "foreign", "pages"]

#: What a browser fetches by itself, and where the tag has it.
FETCHED = {"img": "src", "script": "src", "iframe": "src", "object": "data", "link": "href"}
#: Links of the head that are told and not fetched.
TOLD = frozenset({"canonical", "prev", "next", "alternate", "edit"})


class Reference(NamedTuple):
    """Something that a page points at, and whether a browser fetches it unasked."""

    target: str
    fetched: bool


class Page(HTMLParser):
    """The references of a page, and the places in it that can be pointed at."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[Reference] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places.update(value for name in ("id", "name") if (value := given.get(name)))
        if tag == "a" and given.get("href"):
            self.references.append(Reference(str(given["href"]), fetched=False))
        elif target := given.get(FETCHED.get(tag, "")):
            told = tag == "link" and TOLD & set(str(given.get("rel")).split())
            self.references.append(Reference(target, fetched=not told))

    handle_startendtag = handle_starttag


def pages(site: Path) -> list[Path]:
    """All pages of a site."""
    return sorted(site.rglob("*.html"))


@cache
def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def broken(site: Path) -> Iterator[str]:
    """References to files or places that there are not."""
    for path in pages(site):
        for target, _ in read(path).references:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = _file(site, path, unquote(parts.path))
            if file is None:
                yield f"{path.relative_to(site)}: no file for {target}"
            elif not _has(file, unquote(parts.fragment)):
                yield f"{path.relative_to(site)}: no place for {target}"


def foreign(site: Path) -> Iterator[str]:
    """What a browser would fetch from another host."""
    for path in pages(site):
        for target, fetched in read(path).references:
            if fetched and urlsplit(target).netloc:
                yield f"{path.relative_to(site)}: {target}"


def _has(file: Path, place: str) -> bool:
    """Whether a file has a place of that name; only pages are looked at."""
    return not place or file.suffix != ".html" or place in read(file).places | {"__top"}


def _file(site: Path, page: Path, target: str) -> Path | None:
    """The file behind a relative address, or one from the root of the site."""
    if not target:
        return page
    place = site / target.lstrip("/") if target.startswith("/") else page.parent / target
    place = place.resolve()
    if place.is_dir():
        place = place / "index.html"
    return place if place.is_file() and place.is_relative_to(site.resolve()) else None
