"""Prompts with examples, for every backend that answers conversations; no provider is known here.

:func:`choose_shots` picks examples that cover all classes and differ from each other;
:func:`compile_prompt` makes a :class:`Compiled` prompt of a training set: the part that never
changes, and a pool in which the examples nearest to an input are looked for.
"""

from __future__ import annotations

from .choosing import choose_shots
from .compiled import Compiled, compile_prompt
from .shots import Shot, shot_of, tokens_of

__all__ = ["Compiled", "Shot", "choose_shots", "compile_prompt", "shot_of", "tokens_of"]
