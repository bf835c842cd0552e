"""A picture for tests."""

from __future__ import annotations

from bot.sandbox.picture import flat_png

PNG = flat_png(8, (200, 30, 60))
