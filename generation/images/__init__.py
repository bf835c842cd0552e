"""Pictures as files: strangers' uploads made safe, sizes fitted, results made to fit an upload."""

from __future__ import annotations

from generation.images.card import paint_card, paint_preview
from generation.images.ladder import Encoded, encode_ladder
from generation.images.uploads import Picture, UploadRules, clean_upload, fit

__all__ = [
    "Encoded",
    "Picture",
    "UploadRules",
    "clean_upload",
    "encode_ladder",
    "fit",
    "paint_card",
    "paint_preview",
]
