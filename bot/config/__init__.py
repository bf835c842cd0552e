"""The operator's configuration: the only reader of TOML and of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bot.config.engines import engine_at
from bot.config.load import PLACEHOLDER, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, load
from bot.config.model import (
    API_URL,
    GATEWAY_URL,
    AccessConfig,
    BackendConfig,
    Config,
    DataConfig,
    DiscordConfig,
    EngineConfig,
    LocalConfig,
    LogConfig,
    ModelConfig,
    QueueConfig,
    ScriptedConfig,
)
from bot.config.problems import ConfigError, Problem
from bot.config.secret import Secret


def process_environment() -> Mapping[str, str]:
    """The environment of this process, for ``load``."""
    return os.environ


__all__ = [
    "API_URL",
    "GATEWAY_URL",
    "PLACEHOLDER",
    "TOKEN_FILE_VARIABLE",
    "TOKEN_VARIABLE",
    "AccessConfig",
    "BackendConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "DiscordConfig",
    "EngineConfig",
    "LocalConfig",
    "LogConfig",
    "ModelConfig",
    "Problem",
    "QueueConfig",
    "ScriptedConfig",
    "Secret",
    "engine_at",
    "load",
    "process_environment",
]
