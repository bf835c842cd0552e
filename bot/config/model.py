"""The configuration as the rest of the bot sees it: typed, complete, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.config.secret import Secret
from generation.limits import Limits
from generation.worker.settings import Speed

API_URL = "https://discord.com/api/v10"
GATEWAY_URL = "wss://gateway.discord.gg/"
DEMO_MODEL = "demo"


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordConfig:
    """Who the bot is, where Discord is, and who may do everything.

    ``token_file`` is the file that holds the token, None where the environment does.
    ``sync_guilds``, if any, are the only servers that get the commands.
    """

    token: Secret
    token_file: Path | None = None
    api_url: str = API_URL
    gateway_url: str = GATEWAY_URL
    owners: tuple[int, ...] = ()
    sync_commands: bool = True
    sync_guilds: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Where things are kept, and for how many days. ``database`` is an SQLAlchemy address."""

    directory: Path
    database: Secret
    keep_days: int = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueConfig:
    """``bound`` is how many jobs may wait; the others are seconds.

    ``job_seconds`` is the longest a job may run, ``wait_seconds`` the longest it may wait,
    ``stop_grace`` the time that running jobs get when the bot stops.
    """

    bound: int = 500
    job_seconds: float = 600.0
    wait_seconds: float = 86_400.0
    stop_grace: float = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """``level`` is debug, info, warning or error; ``format`` is text or json."""

    level: str = "info"
    format: str = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessConfig:
    """Models of these names are for members with one of the roles or in one of the servers.

    ``*`` in a name stands for anything.
    """

    models: tuple[str, ...]
    roles: tuple[int, ...] = ()
    servers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A model on this machine: a folder in the diffusers format, or None for the shipped one.

    ``path`` may also be a single safetensors file; ``parts`` is then the folder for what such a
    file does not hold. The rest are its defaults for members who say nothing, in pixels where
    they are sizes; None leaves them to the model. ``taesd`` is a folder with a decoder for
    previews; ``speed`` is what is done to draw faster.
    """

    name: str
    path: Path | None = None
    parts: Path | None = None
    title: str | None = None
    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    strength: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    clip_skip: int | None = None
    taesd: Path | None = None
    speed: Speed = field(default=Speed())


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalConfig:
    """A worker process on this machine, or one for each card where ``device`` is ``auto``.

    ``threads`` None leaves the number to the worker.
    """

    name: str = "local"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    models: tuple[ModelConfig, ...] = (ModelConfig(name=DEMO_MODEL),)
    lora_folders: tuple[Path, ...] = ()
    embedding_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedConfig:
    """Draws simple patterns at once, without any model: for trying out the bot itself."""

    name: str = "scripted"


BackendConfig = LocalConfig | ScriptedConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything an operator decides. ``path`` is the file it came from."""

    path: Path
    discord: DiscordConfig
    data: DataConfig
    queue: QueueConfig = QueueConfig()
    limits: Limits = field(default_factory=Limits)
    log: LogConfig = LogConfig()
    backends: tuple[BackendConfig, ...] = field(default=(LocalConfig(),))
    default_model: str | None = None
    access: tuple[AccessConfig, ...] = ()
