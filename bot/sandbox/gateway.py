"""The gateway: sessions that outlive their sockets, with replay on RESUME."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.dispatch import Dispatcher
from bot.sandbox.events import BotStatusEvent, Event, GuildEvent
from bot.sandbox.gateway_socket import GatewaySocket, Op, Refusal
from bot.sandbox.intents import PRIVILEGED, Intent
from bot.sandbox.wire import Json, JsonObject, as_int, as_list, as_object, as_text
from bot.sandbox.world import World

_REPLAY_LIMIT = 5_000
_ALL_INTENTS = (1 << 26) - 1
_FINAL = frozenset({1000, 1001})


@dataclass(slots=True, eq=False)
class Session:
    """What the bot identified with, and the events it may still ask for again."""

    id: str
    intents: Intent
    shard: tuple[int, int]
    sequence: int = 0
    sent: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=_REPLAY_LIMIT))
    socket: GatewaySocket | None = None


class Gateway:
    """All sessions of the bot. Subscribes to the bus and dispatches what each session may see."""

    def __init__(
        self,
        world: World,
        dispatcher: Dispatcher,
        *,
        token: str,
        granted: Intent,
        judge_heartbeats: bool,
    ) -> None:
        self.world = world
        self.token = token
        self.granted = granted
        self.judge_heartbeats = judge_heartbeats
        self.url = ""
        self.presence: JsonObject = {"status": "offline", "activities": []}
        self.identified = 0
        self.resumed = 0
        self._dispatcher = dispatcher
        self._sessions: dict[str, Session] = {}
        self._sockets: set[GatewaySocket] = set()
        world.bus.subscribe(self._on_event)

    @property
    def online(self) -> bool:
        """Whether the bot is connected."""
        return any(session.socket is not None for session in self._sessions.values())

    @property
    def intents(self) -> Intent:
        """The intents that REST goes by: those granted to the application."""
        return self.granted

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection from HELLO to its end."""
        socket = GatewaySocket(request, self, self.world.clock, judged=self.judge_heartbeats)
        self._sockets.add(socket)
        try:
            return await socket.serve()
        finally:
            self._sockets.discard(socket)

    # -- what tests and faults do --------------------------------------------------------------

    def drop(self) -> None:
        """Cut every connection without a word; sessions can be resumed."""
        for socket in tuple(self._sockets):
            socket.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Close every connection with that code."""
        for socket in tuple(self._sockets):
            socket.refuse(code, reason)

    def reconnect(self) -> None:
        """Ask the bot to reconnect and resume (op 7)."""
        for socket in tuple(self._sockets):
            socket.send({"op": Op.RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Declare the sessions invalid (op 9)."""
        for session in tuple(self._sessions.values()):
            socket = session.socket
            if not resumable:
                self._forget(session)
            if socket is not None:
                socket.send({"op": Op.INVALID_SESSION, "d": resumable})

    # -- sessions ------------------------------------------------------------------------------

    def identify(self, socket: GatewaySocket, data: JsonObject) -> Session:
        """Open a session and send READY and the guilds. Raises `Refusal`."""
        if as_text(data.get("token")).removeprefix("Bot ") != self.token:
            raise Refusal(4004, "Authentication failed.")
        number = as_int(data.get("intents"), -1)
        if not 0 <= number <= _ALL_INTENTS:
            raise Refusal(4013, "Invalid intent(s).")
        intents = Intent(number)
        if intents & PRIVILEGED & ~self.granted:
            raise Refusal(4014, "Disallowed intent(s).")
        shard = [as_int(item) for item in as_list(data.get("shard"))] or [0, 1]
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            raise Refusal(4010, "Invalid shard.")
        for old in [item for item in self._sessions.values() if item.shard[0] == shard[0]]:
            self._forget(old)
        session = Session(secrets.token_hex(16), intents, (shard[0], shard[1]))
        self._sessions[session.id] = session
        self.identified += 1
        self._attach(session, socket)
        self._greet(session)
        self.set_presence(as_object(data.get("presence")))
        return session

    def resume(self, socket: GatewaySocket, data: JsonObject) -> Session | None:
        """Go on with a session, repeating what it missed. None where that is impossible."""
        if as_text(data.get("token")).removeprefix("Bot ") != self.token:
            raise Refusal(4004, "Authentication failed.")
        session = self._sessions.get(as_text(data.get("session_id")))
        sequence = as_int(data.get("seq"), -1)
        if session is None or not 0 <= sequence <= session.sequence:
            return None
        missed = [frame for frame in session.sent if as_int(frame["s"]) > sequence]
        if len(missed) != session.sequence - sequence:
            return None
        self.resumed += 1
        self._attach(session, socket)
        for frame in missed:
            socket.send(frame)
        self._dispatch(session, "RESUMED", {"_trace": ["sandbox"]})
        self.world.bus.publish(BotStatusEvent())
        return session

    def receive(self, socket: GatewaySocket, op: int, data: JsonObject) -> None:
        """Take a frame of the bot's. Raises `Refusal`."""
        if op == Op.IDENTIFY:
            if self._session_on(socket) is not None:
                raise Refusal(4005, "Already authenticated.")
            self.identify(socket, data)
        elif op == Op.RESUME:
            if self.resume(socket, data) is None:
                socket.send({"op": Op.INVALID_SESSION, "d": False})
        elif op in {Op.PRESENCE, Op.VOICE_STATE, Op.REQUEST_MEMBERS}:
            session = self._session_on(socket)
            if session is None:
                raise Refusal(4003, "Not authenticated.")
            if op == Op.PRESENCE:
                self.set_presence(data)
            elif op == Op.REQUEST_MEMBERS:
                self.members_chunk(session, data)
        else:
            raise Refusal(4001, "Unknown opcode.")

    def lost(self, socket: GatewaySocket, code: int | None) -> None:
        """Note that a connection ended; if with 1000 or 1001, the session ends too."""
        session = self._session_on(socket)
        if session is None:
            return
        session.socket = None
        if code in _FINAL:
            self._sessions.pop(session.id, None)
        self.world.bus.publish(BotStatusEvent())

    def _session_on(self, socket: GatewaySocket) -> Session | None:
        return next((item for item in self._sessions.values() if item.socket is socket), None)

    def set_presence(self, data: JsonObject) -> None:
        """Take the presence that the bot shows."""
        status = as_text(data.get("status"), "online")
        activities = as_list(data.get("activities"))
        if data.get("game") is not None:
            activities = [data["game"]]
        self.presence = {
            "status": "offline" if status == "invisible" else status,
            "activities": activities,
        }
        self.world.bus.publish(BotStatusEvent())

    def _attach(self, session: Session, socket: GatewaySocket) -> None:
        if session.socket is not None and session.socket is not socket:
            session.socket.refuse(4000, "Unknown error.")
        session.socket = socket

    def _greet(self, session: Session) -> None:
        world = self.world
        mine = [item for item in world.guilds.values() if world.bot.id in item.members]
        placed = [item for item in mine if _shard_of(item.id, session.shard) == session.shard[0]]
        ready: JsonObject = {
            "v": 10,
            "user": world.bot.to_wire() | {"mfa_enabled": False, "verified": True, "email": None},
            "user_settings": {},
            "session_type": "normal",
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guilds": [{"id": item.id, "unavailable": True} for item in placed],
            "geo_ordered_rtc_regions": [],
            "shard": [*session.shard],
            "application": {"id": world.application_id, "flags": self.application_flags()},
            "_trace": ["sandbox"],
        }
        self._dispatch(session, "READY", ready)
        for guild in placed:
            self._send_event(session, GuildEvent(change="create", guild=guild))

    def application_flags(self) -> int:
        """Return the flags that tell which privileged intents the application has."""
        bits = {
            Intent.GUILD_PRESENCES: 1 << 13,
            Intent.GUILD_MEMBERS: 1 << 15,
            Intent.MESSAGE_CONTENT: 1 << 19,
        }
        return sum(flag for intent, flag in bits.items() if self.granted & intent)

    def members_chunk(self, session: Session, data: JsonObject) -> None:
        """Answer op 8 with the members asked for."""
        guild = self.world.guild(as_text(str(data.get("guild_id"))))
        wanted = {str(item) for item in as_list(data.get("user_ids"))}
        query = as_text(data.get("query")).lower()
        found = [
            user_id
            for user_id in guild.members
            if (
                user_id in wanted
                if wanted
                else self.world.users[user_id].username.startswith(query)
            )
        ]
        members: list[Json] = [self.world.member_wire(guild, user_id) for user_id in found]
        chunk: JsonObject = {
            "guild_id": guild.id,
            "members": members,
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": sorted(wanted - set(found)),
        }
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        self._dispatch(session, "GUILD_MEMBERS_CHUNK", chunk)

    # -- dispatching ---------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        for session in tuple(self._sessions.values()):
            self._send_event(session, event)

    def _send_event(self, session: Session, event: Event) -> None:
        frame = self._dispatcher.frame(event, session.intents)
        if frame is None:
            return
        name, data = frame
        guild_id = data.get("guild_id") or (data["id"] if name.startswith("GUILD_") else None)
        if _shard_of(guild_id, session.shard) == session.shard[0]:
            self._dispatch(session, name, data)

    def _dispatch(self, session: Session, name: str, data: JsonObject) -> None:
        session.sequence += 1
        frame: JsonObject = {"op": Op.DISPATCH, "t": name, "s": session.sequence, "d": data}
        session.sent.append(frame)
        if session.socket is not None:
            session.socket.send(frame)

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session.id, None)
        session.socket = None


def _shard_of(guild_id: Json, shard: tuple[int, int]) -> int:
    return (int(guild_id) >> 22) % shard[1] if isinstance(guild_id, str) else 0
