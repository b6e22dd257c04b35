"""Extraction: what a customer writes, as the fields of a claim form.

``TUNEKIT_BACKEND`` or ``tunekit.toml`` says where it trains. Without either that is this machine,
for a minute or two. To see it run at once::

    TUNEKIT_BACKEND=fake python examples/extraction.py
"""

from __future__ import annotations

from pathlib import Path

import tunekit
from tunekit import Dataset, Extracted, Extraction

CLAIMS = Path(__file__).resolve().parent / "data" / "claim_entities.csv"
#: A name in the form for each type of span.
FIELDS = {"PERSON": "who", "POLICY": "contract", "DATE": "when", "AMOUNT": "how much"}
LETTER = (
    "This is Birte Claasen, contract HR-40231-6. On 17 May 2024 the freezer failed and we lost "
    "food for about €210."
)


def form_of(text: str, found: Extracted) -> dict[str, list[str]]:
    """The form: spans are offsets into the very text that was asked about."""
    form: dict[str, list[str]] = {name: [] for name in FIELDS.values()}
    for span in found.spans:
        form[FIELDS[span.label]].append(text[span.start : span.end])
    return form


def main() -> None:
    """Read, hold rows out, tune, fill the form, and say what is missing in it."""
    data = Dataset.read(CLAIMS, Extraction(list(FIELDS)))
    train, test = data.split(test=0.25, seed=7)
    model = tunekit.tune(train)
    print(model)

    found = model.predict(LETTER)
    print(f"\n{LETTER}")
    for name, words in form_of(LETTER, found).items():
        print(f"  {name:<10}{', '.join(words) or '(ask the customer)'}")
    # A model that writes its answer may quote what isn't there; that is never taken for a span.
    for lost in found.unplaced:
        print(f"  not in the text: {lost.text} ({lost.reason})")

    print(f"\n{model.evaluate(test)}")


if __name__ == "__main__":
    main()
