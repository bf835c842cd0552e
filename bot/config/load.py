"""From a TOML file and the environment to a ``Config``, or to every reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bot.config.backends import read_backends
from bot.config.credentials import Vault, read_secret_file
from bot.config.model import (
    API_URL,
    GATEWAY_URL,
    AccessConfig,
    Config,
    DataConfig,
    DiscordConfig,
    LogConfig,
    QueueConfig,
)
from bot.config.problems import ConfigError
from bot.config.secret import Secret
from bot.config.section import Section
from bot.config.source import read_source
from generation.limits import LIMITS, Limits

TOKEN_VARIABLE = "EASEL_DISCORD_TOKEN"  # noqa: S105 (a name)
TOKEN_FILE_VARIABLE = "EASEL_DISCORD_TOKEN_FILE"  # noqa: S105 (a name)
PLACEHOLDER = "PASTE-YOUR-BOT-TOKEN-HERE"
TOKEN_SOURCE = "The token is at https://discord.com/developers/applications under Bot"  # noqa: S105


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration. The environment's token wins over the file's.

    Relative paths are meant from the file's folder. Raises ``ConfigError`` with every problem.
    """
    source = read_source(path)
    problems = list(source.problems)
    root = Section(source, problems, source.table)
    base = path.absolute().parent
    parts = {name: root.section(name) for name in ("discord", "data", "queue", "limits", "log")}
    discord = _discord(parts["discord"], environ, path.absolute())
    data = _data(parts["data"], base)
    queue = _queue(parts["queue"])
    limits = _limits(parts["limits"])
    log = _log(parts["log"])
    default_model = root.text("default_model")
    rules = root.sections("access") or ()
    access = tuple(_access(rule) for rule in rules)
    backends, backend_sections = read_backends(root, Vault(environ=environ, base=base))
    elsewhere = {key: f"[{name}]" for name, part in parts.items() for key in part.known}
    elsewhere |= {key: "[[backends]]" for part in backend_sections for key in part.known}
    for section in (root, *parts.values(), *rules, *backend_sections):
        section.finish(elsewhere)
    if problems:
        raise ConfigError(path, problems)
    return Config(
        path=path,
        discord=discord,
        data=data,
        queue=queue,
        limits=limits,
        log=log,
        backends=backends,
        default_model=default_model,
        access=access,
    )


def _access(section: Section) -> AccessConfig:
    models = section.texts("models")
    roles, servers = section.ids("roles"), section.ids("servers")
    if not models and "models" not in section:
        section.problem("models", "it does not say for which models", 'Write models = ["my-model"]')
    if not (roles or servers or "roles" in section or "servers" in section):
        section.problem("roles", "it does not say for whom", "Name roles or servers by their ids")
    return AccessConfig(models=models, roles=roles, servers=servers)


def _discord(section: Section, environ: Mapping[str, str], path: Path) -> DiscordConfig:
    token, token_file = _token(section, environ, path)
    return DiscordConfig(
        token=token,
        token_file=token_file,
        api_url=section.mapped("api_url", _web_address) or API_URL,
        gateway_url=section.mapped("gateway_url", _socket_address) or GATEWAY_URL,
        owners=section.ids("owners"),
        sync_commands=section.flag("sync_commands", default=True),
        sync_guilds=section.ids("sync_guilds"),
    )


def _token(section: Section, environ: Mapping[str, str], path: Path) -> tuple[Secret, Path | None]:
    """The token and the file that holds it, if it is in one. The first of four places counts."""
    check = _TokenCheck(section)
    written = section.text("token", secret=True)
    named = section.text("token_file")
    if environ.get(TOKEN_VARIABLE):
        return check.text("token", f"{TOKEN_VARIABLE}", environ[TOKEN_VARIABLE]), None
    if environ.get(TOKEN_FILE_VARIABLE):
        file = Path(environ[TOKEN_FILE_VARIABLE])
        return check.file("token", f"{TOKEN_FILE_VARIABLE} names {file}, which", file), file
    if written and named:
        section.problem(
            "token_file", "token and token_file are both given", "Keep the one you want to use"
        )
    elif written:
        return check.text("token", "it", written), path
    elif named:
        file = path.parent / Path(named).expanduser()
        return check.file("token_file", f"the file {file}", file), file
    elif "token" not in section and "token_file" not in section:
        section.problem("token", "the bot's token is missing", f'Write token = "…". {TOKEN_SOURCE}')
    return Secret(""), None


class _TokenCheck:
    """Judges a token. Never shows it: a wrong one may be another service's secret."""

    def __init__(self, section: Section) -> None:
        self._section = section

    def file(self, key: str, name: str, path: Path) -> Secret:
        try:
            text = read_secret_file(path, name)
        except ValueError as error:
            what, instead = error.args
            return self._wrong(key, what, instead)
        return self.text(key, name, text)

    def text(self, key: str, name: str, value: str) -> Secret:
        token = value.strip()
        if token == PLACEHOLDER:
            return self._wrong(key, f"{name} still holds the example's placeholder", TOKEN_SOURCE)
        if token.lower().startswith("bot "):
            return self._wrong(key, f'{name} begins with "Bot "', "Write the token without it")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            what = f"{name} cannot be a token: it has spaces or special characters"
            return self._wrong(key, what, TOKEN_SOURCE)
        return Secret(token)

    def _wrong(self, key: str, what: str, instead: str) -> Secret:
        self._section.problem(key, what, instead)
        return Secret("")


def _data(section: Section, base: Path) -> DataConfig:
    directory = base / Path(section.text("directory") or "data").expanduser()
    if directory.exists() and not directory.is_dir():
        section.problem("directory", f"{directory} is a file", "Name a folder, or one to be made")
    database = section.mapped("database", lambda text: _database_address(text, base), secret=True)
    return DataConfig(
        directory=directory,
        database=Secret(database or f"sqlite:///{directory / 'easel.db'}"),
        keep_days=section.whole("keep_days", default=30, lowest=1, highest=3650),
        reserve_mib=section.whole("reserve_mib", default=256, lowest=0, highest=1_048_576),
    )


def _queue(section: Section) -> QueueConfig:
    default = QueueConfig()
    return QueueConfig(
        bound=section.whole("bound", default=default.bound, lowest=1, highest=100_000),
        job_seconds=section.number(
            "job_seconds", default=default.job_seconds, lowest=1, highest=86_400
        ),
        wait_seconds=section.number(
            "wait_seconds", default=default.wait_seconds, lowest=1, highest=30 * 86_400
        ),
        stop_grace=section.number("stop_grace", default=default.stop_grace, lowest=0, highest=600),
    )


def _limits(section: Section) -> Limits:
    default = Limits()
    return Limits(
        **{
            info.field: section.whole(
                info.field,
                default=getattr(default, info.field),
                lowest=info.lowest,
                highest=info.highest,
            )
            for info in LIMITS
        }
    )


def _log(section: Section) -> LogConfig:
    level = section.choice("level", ("debug", "info", "warning", "error"), default="info")
    return LogConfig(
        level=level or "info",
        format=section.choice("format", ("text", "json"), default="text") or "text",
    )


def _web_address(value: str) -> str:
    return _address(value, ("http", "https"), API_URL).rstrip("/")


def _socket_address(value: str) -> str:
    return _address(value, ("ws", "wss"), GATEWAY_URL)


def _address(value: str, schemes: tuple[str, str], example: str) -> str:
    instead = f"Write an address such as {example} or {schemes[0]}://127.0.0.1:8321/…"
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise ValueError(f'"{value}" is not an address', instead) from error
    if parts.scheme not in schemes:
        what = f'"{value}" does not begin with {schemes[1]}:// or {schemes[0]}://'
        raise ValueError(what, instead)
    if not usable or re.search(r"\s", value):
        raise ValueError(f'"{value}" is not an address', instead)
    if parts.query or parts.fragment:
        raise ValueError(f'"{value}" has a ? or # in it', instead)
    return value


def _database_address(value: str, base: Path) -> str:
    scheme, separator, rest = value.partition(":///")
    if scheme != "sqlite" or not separator or not rest or "?" in rest:
        what = "this is not the address of an SQLite file"
        raise ValueError(what, "Write sqlite:///folder/easel.db, or take the line out")
    return f"sqlite:///{base / Path(rest).expanduser()}"
