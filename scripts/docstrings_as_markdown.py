"""Lets mkdocstrings read our docstrings: the few marks that aren't Markdown become Markdown.

- ``:meth:`Job.wait``` becomes `` `Job.wait` ``, and with a tilde its last part alone;
- a paragraph that ends in ``::`` ends in ``:``, and a line of ``::`` alone goes;
- an ``Example:`` becomes a section;
- an example that stands without a heading becomes a block of code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

CHANGES = (
    (re.compile(r":[a-z]+:`~[\w.]*?(\w+)`"), r"`\1`"),
    (re.compile(r":[a-z]+:`([^`~]+)`"), r"`\1`"),
    (re.compile(r"(?m)^::\n"), ""),
    (re.compile(r"(?m)(?<=\S)::$"), ":"),
    (re.compile(r"(?m)^Example:$"), "Examples:"),
    (re.compile(r"(?ms)^(>>> .*?)(?=\n\s*\n|\Z)"), r"```pycon\n\1\n```"),
)


class DocstringsAsMarkdown(griffe.Extension):
    """Rewrites each docstring as it is loaded."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for every module, class, function and attribute."""
        if obj.docstring is not None:
            text = obj.docstring.value
            for found, instead in CHANGES:
                text = found.sub(instead, text)
            obj.docstring.value = text
