"""Pictures as files: strangers' uploads made safe, sizes fitted, results made to fit an upload."""

from __future__ import annotations

from generation.images.canvas import (
    Canvas,
    Margins,
    extended_canvas,
    masked_canvas,
    read_size,
    size_to_redraw,
    stored_canvas,
)
from generation.images.card import paint_card, paint_cutout, paint_preview
from generation.images.holes import punched
from generation.images.ladder import Encoded, encode_ladder
from generation.images.opacity import layered
from generation.images.paint import paint_over
from generation.images.patch import Patch, cut_patch, paste_patch
from generation.images.preview import shrink_preview
from generation.images.uploads import Picture, UploadRules, clean_upload, fit

__all__ = [
    "Canvas",
    "Encoded",
    "Margins",
    "Patch",
    "Picture",
    "UploadRules",
    "clean_upload",
    "cut_patch",
    "encode_ladder",
    "extended_canvas",
    "fit",
    "layered",
    "masked_canvas",
    "paint_card",
    "paint_cutout",
    "paint_over",
    "paint_preview",
    "paste_patch",
    "punched",
    "read_size",
    "shrink_preview",
    "size_to_redraw",
    "stored_canvas",
]
