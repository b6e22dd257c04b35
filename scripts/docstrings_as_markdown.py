"""Lets mkdocstrings read our docstrings: the few marks that aren't Markdown become Markdown.

- ``:meth:`Job.wait``` becomes `` `Job.wait` ``, and with a tilde its last part alone;
- a paragraph that ends in ``::`` ends in ``:``, and a line of ``::`` alone goes;
- an ``Example:`` becomes a section;
- ``one, two: what they are`` among the arguments becomes a line for each;
- ``Everything else that … raises.`` gets the class of all our errors;
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
    (
        re.compile(r"(?m)^( +)Everything else that (.+) raises\.$"),
        r"\1TunekitError: everything else that \2 raises.",
    ),
    (re.compile(r"(?ms)^(>>> .*?)(?=\n\s*\n|\Z)"), r"```pycon\n\1\n```"),
)
#: Several arguments that are explained together, with the lines on which that goes on.
TOGETHER = re.compile(r"(?m)^( +)(\w+(?:, \w+)+)(: .*(?:\n\1 +.*)*)$")
ARGUMENTS = re.compile(r"(?m)^Args:\n(?: +.*\n?)+")


def apart(found: re.Match[str]) -> str:
    """The same words for each of the arguments."""
    indent, names, words = found.groups()
    return "\n".join(f"{indent}{name}{words}" for name in names.split(", "))


class DocstringsAsMarkdown(griffe.Extension):
    """Rewrites each docstring as it is loaded."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called by griffe for every module, class, function and attribute."""
        if obj.docstring is not None:
            text = obj.docstring.value
            text = ARGUMENTS.sub(lambda found: TOGETHER.sub(apart, found.group()), text)
            for found, instead in CHANGES:
                text = found.sub(instead, text)
            obj.docstring.value = text
