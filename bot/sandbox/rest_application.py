"""REST: the application itself, its commands, and where the gateway is."""

from __future__ import annotations

from bot.sandbox.core import Core
from bot.sandbox.errors import ApiError, Code
from bot.sandbox.rest import NOTHING, Answer, Call, Route
from bot.sandbox.wire import JsonObject, as_list

_COMMANDS = "/applications/{application}/commands"
_GUILD_COMMANDS = "/applications/{application}/guilds/{guild}/commands"


class ApplicationRoutes:
    """Handlers by route."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def routes(self) -> list[Route]:
        """Return the table."""
        table = [
            Route("GET", "/gateway", self._gateway),
            Route("GET", "/gateway/bot", self._gateway_bot),
            Route("GET", "/oauth2/applications/@me", self._application),
            Route("GET", "/applications/@me", self._application),
            Route("PATCH", "/applications/@me", self._application),
            Route("GET", "/applications/{application}/emojis", self._no_emojis),
            Route("GET", "/applications/{application}/skus", self._none),
            Route("GET", "/applications/{application}/entitlements", self._none),
            Route("GET", _GUILD_COMMANDS + "/permissions", self._none),
        ]
        for place in (_COMMANDS, _GUILD_COMMANDS):
            table += [
                Route("GET", place, self._list),
                Route("PUT", place, self._replace),
                Route("POST", place, self._add),
                Route("GET", place + "/{command}", self._get),
                Route("PATCH", place + "/{command}", self._change),
                Route("DELETE", place + "/{command}", self._remove),
            ]
        return table

    def _gateway(self, call: Call) -> Answer:
        del call
        return Answer(body={"url": self._core.gateway.url})

    def _gateway_bot(self, call: Call) -> Answer:
        del call
        limits: JsonObject = {
            "total": 1000,
            "remaining": max(0, 1000 - self._core.gateway.identified),
            "reset_after": 0,
            "max_concurrency": 1,
        }
        return Answer(
            body={"url": self._core.gateway.url, "shards": 1, "session_start_limit": limits}
        )

    def _application(self, call: Call) -> Answer:
        del call
        world = self._core.world
        flags = self._core.gateway.application_flags()
        owner = world.user(world.application_owner_id)
        guilds = [item for item in world.guilds.values() if world.bot.id in item.members]
        return Answer(
            body={
                "id": world.application_id,
                "name": world.bot.display_name,
                "icon": None,
                "description": "",
                "summary": "",
                "type": None,
                "bot": world.bot.to_wire(),
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "flags": flags,
                "flags_new": str(flags),
                "redirect_uris": [],
                "interactions_endpoint_url": None,
                "role_connections_verification_url": None,
                "owner": owner.to_wire(),
                "approximate_guild_count": len(guilds),
                "approximate_user_install_count": 0,
                "approximate_user_authorization_count": 0,
                "explicit_content_filter": 0,
                "team": None,
                "eligible_oauth2_scopes": ["bot", "applications.commands"],
                "integration_types_config": {"0": {}},
            }
        )

    def _list(self, call: Call) -> Answer:
        found = self._core.commands.registered(self._guild(call))
        return Answer(body=[item.wire for item in found])

    def _replace(self, call: Call) -> Answer:
        kept = self._core.commands.replace(as_list(call.body), self._guild(call))
        return Answer(body=[item.wire for item in kept])

    def _add(self, call: Call) -> Answer:
        command, new = self._core.commands.add(call.data, self._guild(call))
        return Answer(body=command.wire, status=201 if new else 200)

    def _get(self, call: Call) -> Answer:
        return Answer(body=self._core.commands.get(call.path["command"], self._guild(call)).wire)

    def _change(self, call: Call) -> Answer:
        command = self._core.commands.get(call.path["command"], self._guild(call))
        return Answer(body=self._core.commands.change(command, call.data).wire)

    def _remove(self, call: Call) -> Answer:
        commands = self._core.commands
        commands.remove(commands.get(call.path["command"], self._guild(call)))
        return NOTHING

    def _none(self, call: Call) -> Answer:
        del call
        return Answer(body=[])

    def _no_emojis(self, call: Call) -> Answer:
        del call
        return Answer(body={"items": []})

    def _guild(self, call: Call) -> str | None:
        world = self._core.world
        if call.path["application"] != world.application_id:
            raise ApiError.of(Code.UNKNOWN_APPLICATION)
        guild_id = call.path.get("guild")
        if guild_id is None:
            return None
        if world.bot.id not in world.guild(guild_id).members:
            raise ApiError.of(Code.MISSING_ACCESS)
        return guild_id
