"""Make the pictures of the documentation: what a terminal shows, and the page of a comparison.

``make docs`` runs this first. Everything happens in a temporary folder, on the example data, with
the backend ``fake`` and without a network; the pictures are in docs/pictures/, which git ignores.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

import tunekit
from tunekit import Classification, Dataset

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "pictures"
COLUMNS = 100  # as wide as reports are
FIELDS = "-c text=Text -c label=Intent"
#: The pictures, and what is typed for each.
SESSIONS: Mapping[str, str] = {
    "check": f"tunekit check messages.csv {FIELDS}",
    "plan": f"tunekit plan train.csv {FIELDS} --backend local",
    "tune": f"tunekit tune train.csv {FIELDS} --backend fake --save models/tuned",
    "evaluate": f"tunekit evaluate models/tuned test.csv {FIELDS}",
    "compare": f"tunekit compare test.csv {FIELDS} -m tuned=models/tuned -m rule=models/rule",
}
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}
#: Rich's frame without its web font: a page of the documentation asks nobody.
FRAME = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
)
#: The line around a window, which is made for dark pages.
EDGES = {"light": "rgba(0,0,0,0.25)", "dark": "rgba(255,255,255,0.35)"}
#: Rows with something wrong with them, so that there is something to find.
SPOILT = (
    ("Meine Rechnung fÃ¼r MÃ¤rz fehlt.", "billing_question", "de"),
    ("", "claim_status", "en"),
    ("Why was I charged twice this month?", "billing_question", "en"),
    ("Why was I charged twice this month?", "cancel_policy", "en"),
)


def main() -> None:
    """Make all pictures."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        here = Path(place)
        os.chdir(here)  # models are saved by relative paths, as somebody would type them
        os.environ.update(TUNEKIT_HOME=str(here / "home"), HF_HUB_OFFLINE="1")
        train, test = write_data(here)
        tunekit.baseline(train, backend="trivial").save("models/rule")
        for name, typed in SESSIONS.items():
            shown = terminal(typed)
            for theme in THEMES:
                (TARGET / f"{name}-{theme}.svg").write_text(
                    drawn(typed, shown, theme), encoding="utf-8"
                )
        models = {name: tunekit.load(f"models/{name}") for name in ("tuned", "rule")}
        tunekit.compare(test, models).to_html(TARGET / "comparison.html")
        os.chdir(ROOT)


def write_data(here: Path) -> tuple[Dataset, Dataset]:
    """The example's rows as files to train and test on, and one file with spoilt rows."""
    source = ROOT / "examples" / "data" / "insurer_messages.csv"
    with source.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns = {"text": header[0], "label": header[1]}
    data = Dataset.read(source, Classification(), columns=columns)
    parts = data.split(test=0.3, seed=7)
    for name, part in zip(("train", "test"), parts, strict=True):
        kept = {row.text for row in part}
        _write(here / f"{name}.csv", [header, *(row for row in rows if row[0] in kept)])
    _write(here / "messages.csv", [header, *rows[:300], *SPOILT])
    return parts[0], parts[1]


def _write(path: Path, rows: list[list[str] | tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def terminal(typed: str) -> str:
    """What a terminal shows, colours included."""
    words = [sys.executable, "-m", "tunekit.cli", *shlex.split(typed)[1:]]
    env = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    # 1 is what a check with errors ends with.
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"{typed}\nended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def drawn(typed: str, shown: str, theme: str) -> str:
    """A terminal with a command and its answer, as SVG."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text(f"$ {typed}", Style(bold=True)))
        console.print(Text.from_ansi(shown))
        svg = console.export_svg(title="", theme=THEMES[theme], code_format=FRAME, unique_id="t")
    return svg.replace(EDGES["dark"], EDGES[theme])


if __name__ == "__main__":
    main()
