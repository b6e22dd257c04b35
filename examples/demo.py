"""Tune a real model on customer messages and show what it learned: this is ``make demo``."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

import tunekit
from tunekit import Classification, Dataset, Model

DATA = Path(__file__).parent / "data"

#: Messages that are in no row, and what each sender wants.
SHOWN = {
    "Ich hatte am gestrigen Abend einen Unfall mit meinem Auto. Ein anderer Fahrer ist mir an der "
    "Ampel aufgefahren. Können Sie mir weiterhelfen?": "report_claim",
    "Ihre App zeigt seit Montag »in Prüfung«. Wann bekomme ich mein Geld?": "claim_status",
    "Ab August wohne ich in der Rosengasse 5. Können Sie das bitte ändern?": "change_details",
    "Unglaublich, schon wieder eine halbe Stunde in der Warteschleife!": "complaint",
    "My bike was taken from the hallway last night, only the lock is left.": "report_claim",
    "Does my policy pay if I lose my suitcase on a train?": "coverage_question",
    "You took 30 euros more than usual from my account. How come?": "billing_question",
    "I'm changing insurers in January; please take this as my notice.": "cancel_policy",
}


def side_by_side(models: dict[str, Model]) -> Table:
    """What each model says to the same messages; green where it is what the sender wants."""
    columns = []
    for model in models.values():
        answers = zip(model.predict(list(SHOWN)), SHOWN.values(), strict=True)
        columns.append(
            [
                f"[{'green' if one.label == wanted else 'red'}]{one.label}[/] {one.probability:.2f}"
                for one, wanted in answers
            ]
        )
    table = Table("message", *models, title="Before and after tuning", width=100, show_lines=True)
    for row in zip(SHOWN, *columns, strict=True):
        table.add_row(*row)
    return table


def main() -> None:
    """Read, split, tune, compare, save."""
    data = Dataset.read(
        DATA / "insurer_messages.csv",
        Classification(descriptions=json.loads((DATA / "insurer_intents.json").read_bytes())),
        columns={"text": "Text", "label": "Intent"},
    )
    train, test = data.split(test=0.25, seed=7)

    pretrained = tunekit.baseline(train, shots=0)  # compares a text with each intent's description
    tuned = tunekit.tune(train)
    models = {"pretrained": pretrained, "tuned": tuned}

    console = Console()
    console.print(side_by_side(models))
    parts = {"all": test}
    parts["English"] = test.filter(lambda row: row.get("Language") == "en")
    parts["German"] = test.filter(lambda row: row.get("Language") == "de")
    table = Table("accuracy", title="Before and after tuning, on held-out messages", width=100)
    for name, part in parts.items():
        table.add_column(f"{name} ({len(part)})", justify="right")
    for name, model in models.items():
        reports = [model.evaluate(part) for part in parts.values()]
        figures = [report.to_dict()["accuracy"] for report in reports]
        table.add_row(name, *("{value:.3f} ({low:.3f} - {high:.3f})".format(**f) for f in figures))
    console.print(reports[0], table)  # the tuned model's report on all of them

    saved = tuned.save(Path("models") / f"insurer-{tuned.provenance['run']}")
    console.print(f"\nSaved. To load it: [bold]tunekit.load({str(saved)!r})[/]", soft_wrap=True)


if __name__ == "__main__":
    main()
