"""What a member typed: the draft, its flags, and the text made clean."""

from __future__ import annotations

from generation.prompt.draft import Draft, merge, parse_ratio
from generation.prompt.flags import FLAGS, FlagInfo, parse_flags
from generation.prompt.loras import LORA_MOST, read_loras
from generation.prompt.settings import (
    SETTING_MOST,
    read_settings,
    split_settings,
    write_setting,
    write_settings,
    written,
)
from generation.prompt.text import PROMPT_LENGTH, clean_text, one_line

__all__ = [
    "FLAGS",
    "LORA_MOST",
    "PROMPT_LENGTH",
    "SETTING_MOST",
    "Draft",
    "FlagInfo",
    "clean_text",
    "merge",
    "one_line",
    "parse_flags",
    "parse_ratio",
    "read_loras",
    "read_settings",
    "split_settings",
    "write_setting",
    "write_settings",
    "written",
]
