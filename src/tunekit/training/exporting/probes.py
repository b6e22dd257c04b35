"""Texts that an exported model is compared with the original on. No torch here.

They are of many lengths, so that batches of them are padded, and the longest is cut. What they say
doesn't matter: they are read by models of anything.
"""

from __future__ import annotations

from ...shapes import Passage, Question

__all__ = ["PASSAGES", "QUESTIONS", "TEXTS"]

_LONG = " ".join(
    f"On day {day} parcel {day * 37} went from Łódź to São Paulo, and nobody signed for it."
    for day in range(1, 60)
)
_ORDER = (
    "I ordered three lamps; two came, one of them broken. Please send another one to Anna Schmidt, "
    "12 Hill Road, York, or give me back what I paid for it (49.90)."
)
TEXTS = (
    "a",
    "Where is my money?",
    "The card ending in 4921 was declined twice at the till on 3 May.",
    "Grüße aus Zürich — 東京は雨です 🙂",
    'SELECT name FROM "customers" WHERE id = 7; -- {"x": [1, 2]}',
    _ORDER,
    _LONG[:900],
    _LONG,
)
PASSAGES = (*map(Passage, TEXTS), Passage(TEXTS[2], "Which card?"), Passage(TEXTS[5], TEXTS[6]))
QUESTIONS = (
    Question(TEXTS[1], TEXTS[:6]),
    Question(TEXTS[5], (TEXTS[2], TEXTS[7]), TEXTS[6]),
    Question(TEXTS[7], TEXTS[4:]),
)
