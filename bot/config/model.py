"""The configuration as the rest of the bot sees it: typed, complete, checked."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.config.secret import Secret
from generation.backends.chosen import Choice
from generation.limits import Limits
from generation.worker.settings import ControlPlace, LocalTool, Speed

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
    """Where things are kept, and for how many days. ``database`` is an SQLAlchemy address.

    Nothing new is accepted while the disk has less than ``reserve_mib`` left.
    """

    directory: Path
    database: Secret
    keep_days: int = 30
    reserve_mib: int = 256

    @property
    def database_file(self) -> Path:
        """The file that ``database`` names."""
        return Path(self.database.reveal().partition(":///")[2])


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

    ``path`` may also be a single safetensors file; ``parts`` is then a folder for what such a
    file does not hold. A ``repo`` on the Hugging Face Hub, at one ``revision``, is what ``path``
    was or is to be downloaded from: all of it, or its one ``file``. ``triggers`` are words that
    wake what it was trained on. The rest are its defaults for members who say nothing, in pixels
    where they are sizes; None leaves them to the model. ``taesd`` is a folder with a decoder for
    previews; ``speed`` is what is done to draw faster; ``controls`` are its own ControlNets.
    """

    name: str
    path: Path | None = None
    parts: Path | None = None
    repo: str | None = None
    revision: str | None = None
    file: str | None = None
    licence: str | None = None
    triggers: tuple[str, ...] | None = None
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
    ip_adapter: Path | None = None
    image_encoder: Path | None = None
    speed: Speed = field(default=Speed())
    controls: tuple[ControlPlace, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalConfig:
    """A worker process on this machine, or one for each card where ``device`` is ``auto``.

    ``threads`` None leaves the number to the worker. ``depth_estimator`` is a folder with a model
    that finds depth in pictures. ``memory_gib`` is how much weights may take in all; None leaves
    it to the card. With ``parallel_loading`` a model's files are read at the same time.
    """

    name: str = "local"
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    models: tuple[ModelConfig, ...] = (ModelConfig(name=DEMO_MODEL),)
    memory_gib: float | None = None
    parallel_loading: bool = False
    model_folders: tuple[Path, ...] = ()
    lora_folders: tuple[Path, ...] = ()
    embedding_folders: tuple[Path, ...] = ()
    tools: tuple[LocalTool, ...] = ()
    controlnet_folders: tuple[Path, ...] = ()
    depth_estimator: Path | None = None
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedConfig:
    """Draws simple patterns without any model: for trying out the bot itself.

    So many at once as it has ``slots``, each step taking ``step_seconds``.
    """

    name: str = "scripted"
    weight: float = 1.0
    slots: int = 1
    step_seconds: float = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """Another program behind an address. ``kind`` is ``auto`` where we are to find out what it is.

    ``slots`` is how many jobs it gets at once, None for what suits its kind. ``timeout`` is how
    many seconds it may take for an answer, ``job_timeout`` for a job. Without ``models`` all of
    its models are offered. ``own`` are the keys that only its kind has.
    """

    kind: str
    name: str
    url: str
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    verify_tls: bool = True
    weight: float = 1.0
    slots: int | None = None
    timeout: float = 15.0
    job_timeout: float = 900.0
    models: tuple[Choice, ...] = ()
    own: Mapping[str, object] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand in no log and no message, in each form in which it is sent."""
        found = [each.reveal() for each in (self.password, self.token) if each]
        if self.username and self.password:
            pair = f"{self.username}:{self.password.reveal()}"
            found.append(base64.b64encode(pair.encode()).decode())
        return tuple(found)


BackendConfig = LocalConfig | ScriptedConfig | EngineConfig


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

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must stand in no log and no message."""
        engines = [each for each in self.backends if isinstance(each, EngineConfig)]
        of_engines = (secret for engine in engines for secret in engine.secrets)
        return (self.discord.token.reveal(), *of_engines)
