"""Tune a real model on customer messages and show what it learned: this is ``make demo``."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

import tunekit
from tunekit import Classification, ClassificationRow, Dataset, Model

DATA = Path(__file__).parent / "data"
ACCIDENT = ClassificationRow(
    text="Ich hatte am gestrigen Abend einen Unfall mit meinem Auto. Ein anderer Fahrer ist mir an "
    "der Ampel aufgefahren. Können Sie mir weiterhelfen?",
    label="report_claim",
)


def answers(model: Model, rows: list[ClassificationRow]) -> list[str]:
    """What the model says to each message: green where that is what the customer wants."""
    labels = model.predict([row.text for row in rows])
    return [
        f"[green]{label.label} {label.probability:.2f}[/]"
        if label.label == row.label
        else f"[red]{label.label} {label.probability:.2f} wrong[/]"
        for label, row in zip(labels, rows, strict=True)
    ]


def main() -> None:
    """Read, split, tune, compare, save."""
    console = Console()
    data = Dataset.read(
        DATA / "insurer_messages.csv",
        Classification(descriptions=json.loads((DATA / "insurer_intents.json").read_bytes())),
        columns={"text": "Text", "label": "Intent"},
    )
    train, test = data.split(test=0.25, seed=7)
    english = test.filter(lambda row: row.get("Language") == "en")
    german = test.filter(lambda row: row.get("Language") == "de")
    console.print(f"Tuning on {len(train)} messages, half English and half German …")

    pretrained = tunekit.baseline(train, shots=0)  # compares a text with each label's description
    tuned = tunekit.tune(train, method="head")  # seconds; without it the encoder is tried as well
    models = {"pretrained": pretrained, "tuned": tuned}

    shown = [ACCIDENT, *german.sample(3, seed=7), *english.sample(4, seed=7)]
    said = [answers(model, shown) for model in models.values()]
    message = Column("message", overflow="fold")
    table = Table(message, *models, title="Messages not trained on", show_lines=True)
    for row, *pair in zip(shown, *said, strict=True):
        table.add_row(escape(row.text), *pair)
    console.print(table)

    table = Table("accuracy", title="All messages not trained on")
    table.caption = "The base model, minilm, was trained on English."
    parts = {"all": test, "English": english, "German": german}
    for name, part in parts.items():
        table.add_column(f"{name} ({len(part)})", justify="right")
    reports = {
        name: [model.evaluate(part) for part in parts.values()] for name, model in models.items()
    }
    for name, on_parts in reports.items():
        figures = [report.to_dict()["accuracy"] for report in on_parts]
        table.add_row(name, *("{value:.3f} ({low:.3f} - {high:.3f})".format(**f) for f in figures))
    console.print(reports["tuned"][0], table)

    saved = tuned.save(Path("models") / f"insurer-{tuned.provenance['run']}")
    console.print(f"\nSaved. To load it: [bold]tunekit.load({str(saved)!r})[/]", soft_wrap=True)


if __name__ == "__main__":
    main()
