"""Language models: trained on what they are to say, and asked."""

from __future__ import annotations
