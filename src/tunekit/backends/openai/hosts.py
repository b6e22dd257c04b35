"""Whose server an address is, and what that provider does in its own way.

Dates, prices and limits belong to a provider and not to the shape of its API: an address that
isn't known here has none of them.
"""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

__all__ = ["OPENAI_URL", "Host", "host_of"]

OPENAI_URL = "https://api.openai.com/v1"


class Host(StrEnum):
    """A provider that speaks the API."""

    OPENAI = "OpenAI"
    AZURE = "Azure"
    NEBIUS = "Nebius"
    OTHER = "a server that speaks OpenAI's API"

    @property
    def least_rows(self) -> int:
        """Training rows that a job needs."""
        return 10 if self in (Host.OPENAI, Host.AZURE) else 1

    @property
    def hyperparameters_outside(self) -> bool:
        """Whether hyperparameters stand beside ``method``, as the API had it at first."""
        return self is Host.NEBIUS

    @property
    def deploys(self) -> bool:
        """Whether a tuned model answers only once it is deployed."""
        return self is Host.AZURE


def host_of(base_url: str) -> Host:
    """The provider of an address.

    >>> host_of("https://my-resource.openai.azure.com/openai/v1/")
    <Host.AZURE: 'Azure'>
    >>> host_of("http://127.0.0.1:8000/v1").least_rows
    1
    """
    name = (urlsplit(base_url).hostname or "").lower()
    if name == "api.openai.com" or name.endswith(".api.openai.com"):
        return Host.OPENAI
    if name.endswith((".openai.azure.com", ".services.ai.azure.com")):
        return Host.AZURE
    if name.endswith((".nebius.com", ".nebius.ai")):
        return Host.NEBIUS
    return Host.OTHER
