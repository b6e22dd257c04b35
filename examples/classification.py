"""Classification: sort an inbox, and leave to people what the model isn't sure of.

``TUNEKIT_BACKEND`` or ``tunekit.toml`` says where it trains. Without either that is this machine,
which takes some minutes. To see it run at once::

    TUNEKIT_BACKEND=fake python examples/classification.py
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Classification, Dataset, Label

MESSAGES = Path(__file__).resolve().parent / "data" / "insurer_messages.csv"
#: Below this probability somebody reads the message. (``fake`` is never that sure.)
SURE = 0.6
SOMEBODY = "somebody reads it"
TEAMS = {
    "billing_question": "accounts",
    "cancel_policy": "contracts",
    "change_details": "contracts",
    "claim_status": "claims",
    "complaint": "complaints",
    "coverage_question": "contracts",
    "report_claim": "claims",
    "request_document": "contracts",
}
INBOX = (
    "A lorry took my mirror off this morning. I have its number.",
    "Bitte schicken Sie mir die Bescheinigung für das Finanzamt.",
    "Hello?",
)


def team_for(answer: Label) -> str:
    """Where a message goes. Some backends give no probabilities; then the label is all there is."""
    if answer.probability is not None and answer.probability < SURE:
        return SOMEBODY
    return TEAMS[answer.label]


def main() -> None:
    """Read, hold rows out, tune, sort; then count what sorting is worth."""
    columns = {"text": "Text", "label": "Intent"}
    data = Dataset.read(MESSAGES, Classification(list(TEAMS)), columns=columns)
    train, test = data.split(test=0.25, seed=7)
    model = tunekit.tune(train)
    print(model)

    for message, answer in zip(INBOX, model.predict(list(INBOX)), strict=True):
        print(f"{team_for(answer):<18} {message}  ({answer.label})")

    teams = [(team_for(answer), TEAMS[row.label]) for row, answer in _answered(model, test)]
    by_itself = [pair for pair in teams if pair[0] != SOMEBODY]
    right = sum(chosen == meant for chosen, meant in by_itself)
    print(f"\n{len(by_itself)} of {len(test)} held-out messages need nobody to read them,")
    print(f"and {right} of these go to the right team.")


def _answered(model: tunekit.Model, rows: Dataset) -> list[tuple[tunekit.ClassificationRow, Label]]:
    """Rows with their answers; one without an answer would be a Failure in its place."""
    answers = model.predict(rows, errors="return")
    pairs = zip(rows, answers, strict=True)
    return [(row, answer) for row, answer in pairs if isinstance(answer, Label)]


if __name__ == "__main__":
    main()
