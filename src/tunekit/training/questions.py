"""How a question is written where it is read as text. No torch here."""

from __future__ import annotations

from ..shapes import Question

__all__ = ["asked", "with_option"]


def asked(question: Question) -> str:
    """The question as it is read. What is read along comes behind it, so that it is cut first."""
    if question.context is None:
        return question.question
    return f"{question.question}\n\n{question.context}"


def with_option(question: Question, option: str) -> str:
    r"""The question and one of its options as one text, which a reward model gives a score.

    Example:
        >>> with_option(Question("2 + 2?"), "4")
        '2 + 2?\n\n4'
    """
    return f"{asked(question)}\n\n{option}"
