"""Which kinds of models transformers has in stock, without loading one."""

from __future__ import annotations

import importlib.util

__all__ = ["is_known"]


def is_known(model_type: str) -> bool:
    """Whether transformers has code of its own for models of a type. Where it isn't installed,
    nobody can say, and loading will tell."""
    if importlib.util.find_spec("transformers") is None:
        return True
    from transformers import CONFIG_MAPPING

    return model_type in CONFIG_MAPPING
