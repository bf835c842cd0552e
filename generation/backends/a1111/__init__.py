"""AUTOMATIC1111's web UI and the servers that speak its API."""

from __future__ import annotations

from generation.backends.a1111.backend import A1111Backend

__all__ = ["A1111Backend"]
