"""The page as text: templates filled, style and script inlined, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from .headline import headline
from .provenance import provenance
from .row_data import RowData, row_data
from .schema import ComparisonDict
from .sections import sections
from .wording import clipped, count

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render_page"]

#: Where templates, style and script lie.
PACKAGE = "tunekit.comparison.page"

#: What a page may weigh, and what its rows get of that at least.
PAGE_BYTES, ROW_BYTES = 1_900_000, 400_000


def render_page(comparison: Mapping[str, Any]) -> str:
    """A comparison as one HTML page that needs no other file and no network.

    All texts of rows, models and findings are escaped; the page's policy lets no script run but its
    own. The same comparison gives the same page.

    Args:
        comparison: what :meth:`Comparison.to_dict` gives: see :mod:`.schema`.

    Returns:
        The HTML text, under 2 MB for a dozen models and any number of rows. Long texts are
        clipped, with a mark that says so.

    Raises:
        KeyError: a key is missing.

    Example:
        >>> from tunekit.comparison.page import render_page
        >>> page = render_page({
        ...     "task": "classification", "created": "2026-11-26", "tunekit": "0.1.0",
        ...     "test": {"name": "test.csv", "rows": 100, "fingerprint": "5d41402a"},
        ...     "metrics": [], "confidence": 0.95, "correction": "Holm", "method": "Not tested.",
        ...     "models": [], "differences": [], "slices": [], "rows": [], "rows_left_out": 0,
        ...     "findings": [],
        ... })
        >>> page.startswith("<!doctype html>")
        True
    """
    given = cast("ComparisonDict", comparison)
    style, script = _asset("page.css"), _asset("page.js")
    shown = {
        "title": f"{clipped(given['test']['name'], 80)}: comparison",
        "task": given["task"],
        "created": given["created"],
        "test": clipped(given["test"]["name"], 80),
        "test_rows": count(given["test"]["rows"], "row"),
        "headline": headline(given),
        "sections": sections(given),
        "provenance": provenance(given),
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "has_rows": bool(given["rows"]),
        "tunekit": given["tunekit"],
    }
    bare = _fill(shown, RowData("", 0, 0), given["rows_left_out"])
    room = max(PAGE_BYTES - len(bare.encode("utf-8")), ROW_BYTES)
    return _fill(shown, row_data(given, room), given["rows_left_out"])


def _fill(shown: Mapping[str, Any], rows: RowData, left_out: int) -> str:
    from markupsafe import Markup

    # The only texts that go in as they are. Style and script are files of this package, which no
    # data reaches; the rows are JSON in which `script_safe` left no character that ends a script.
    as_it_is = {name: Markup(shown[name]) for name in ("style", "script")}  # noqa: S704 - ours
    return (
        _templates()
        .get_template("page.html")
        .render(
            {**shown, **as_it_is},
            row_json=Markup(rows.json),  # noqa: S704 - escaped by script_safe
            row_limit=rows.limit,
            rows_left_out=left_out + rows.dropped,
        )
    )


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, only this style and script count, and no script makes markup of text."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


@cache
def _asset(name: str) -> str:
    return resources.files(PACKAGE).joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
