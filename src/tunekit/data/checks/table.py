"""Findings as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from textwrap import wrap

from ...findings import Finding

__all__ = ["table"]

GRAVITY = {"error": 0, "warning": 1, "info": 2}
INDENT = 2


def table(
    findings: Iterable[Finding],
    counts: Mapping[str, int],
    figures: Mapping[str, int | float],
    width: int,
    each: int,
) -> str:
    """The findings by code, the gravest first and the first of each; then the figures."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    places = [_place(one) for group in groups.values() for one in group[:each]]
    longest = min(max(map(len, places), default=0), width // 3)
    file = StringIO()
    page = Console(file=file, width=width, color_system=None, legacy_windows=False)
    for code, group in sorted(groups.items(), key=lambda item: GRAVITY[item[1][0].severity]):
        count, shown = counts.get(code, len(group)), group[:each]
        page.print(Text(f"{code} ({_counted(count, group[0].severity)})"))
        body = Table.grid(padding=(0, 2, 0, 0))
        body.add_column(width=INDENT - 2)
        body.add_column(width=longest, overflow="fold")
        body.add_column(overflow="fold")
        for at, finding in enumerate(shown):
            body.add_row("", Text(_place(finding)), Text(finding.message))
            # A suggestion that is the same for those that follow is said once.
            follows = at + 1 < len(shown) and shown[at + 1].suggestion == finding.suggestion
            if finding.suggestion and not follows:
                body.add_row("", "", Text(f"→ {finding.suggestion}"))
        if count > len(shown):
            body.add_row("", "", Text(f"… and {count - len(shown):,} more"))
        page.print(body)
        page.print()
    if not groups:
        page.print("no findings")
        page.print()
    lines = [*file.getvalue().splitlines(), *_figures(figures, width)]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _place(finding: Finding) -> str:
    where = finding.source or ("the set" if finding.row is None else f"row {finding.row}")
    return f"{where}, {finding.field}" if finding.field else where


def _counted(count: int, severity: str) -> str:
    return f"{count:,} {severity}{'s' * (count > 1 and severity != 'info')}"


def _figures(figures: Mapping[str, int | float], width: int) -> Iterable[str]:
    told = " · ".join(f"{name}\N{NO-BREAK SPACE}{value:,}" for name, value in figures.items())
    # Python's white space has the no-break space in it, textwrap's doesn't.
    return (line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(told, width))
