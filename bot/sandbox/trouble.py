"""The page API's part for tests: time, planned faults, and trouble at once."""

from __future__ import annotations

from bot.sandbox.clock import ManualClock
from bot.sandbox.core import Core
from bot.sandbox.errors import ApiError, invalid
from bot.sandbox.faults import FAULT_KINDS, Fault
from bot.sandbox.permissions import named
from bot.sandbox.rest import Call
from bot.sandbox.wire import Json, JsonObject, as_id, as_int, as_list, as_text, timestamp


class Trouble:
    """Handlers by route."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._world = core.world

    def advance(self, call: Call) -> Json:
        """Move a manual clock; raises 409 on a real one."""
        clock = self._world.clock
        if not isinstance(clock, ManualClock):
            raise ApiError(409, 0, "This sandbox runs on real time.")
        seconds = call.data.get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise invalid(("advance",), "NUMBER_TYPE_COERCE", "Must be a number, 0 or more.")
        clock.advance(seconds)
        return {"now": timestamp(clock.now())}

    def plan(self, call: Call) -> Json:
        """Plan a fault, or bring trouble about at once."""
        data = call.data
        kind = as_text(data.get("kind"))
        if kind in FAULT_KINDS:
            self._core.faults.plan(_fault(data))
        elif not self._gateway_fault(kind, data) and not self._world_fault(kind, data):
            raise invalid(("kind",), "BASE_TYPE_CHOICES", f'There is no fault called "{kind}".')
        return {"id": self._world.snowflakes.next()}

    def _gateway_fault(self, kind: str, data: JsonObject) -> bool:
        gateway = self._core.gateway
        if kind == "drop_gateway":
            gateway.drop()
        elif kind == "reconnect":
            gateway.reconnect()
        elif kind == "invalid_session":
            gateway.invalidate(resumable=data.get("resumable") is True)
        elif kind == "close_gateway":
            gateway.close(as_int(data.get("code"), 4000))
        else:
            return False
        return True

    def _world_fault(self, kind: str, data: JsonObject) -> bool:
        if kind not in {"delete_channel", "deny", "allow"}:
            return False
        channel = self._world.channel(as_id(data.get("channel_id")) or "")
        if kind == "delete_channel":
            self._world.delete_channel(channel)
            return True
        try:
            bits = named([as_text(item) for item in as_list(data.get("permissions"))])
        except KeyError as error:
            raise invalid(
                ("permissions",), "BASE_TYPE_CHOICES", f"There is no permission {error}."
            ) from None
        if kind == "deny":
            self._world.overwrite(channel, self._world.bot.id, deny=bits)
        else:
            self._world.overwrite(channel, self._world.bot.id, allow=bits)
        return True

    def clear(self, call: Call) -> Json:
        """Forget planned faults."""
        del call
        self._core.faults.clear()
        return None


def _fault(data: JsonObject) -> Fault:
    kind = as_text(data.get("kind"))
    defaults = Fault(kind="status")
    method = data.get("method")
    retry_after, seconds = data.get("retry_after"), data.get("seconds")
    for known in FAULT_KINDS:
        if known == kind:
            return Fault(
                kind=known,
                method=None if method is None else as_text(method).upper(),
                route=as_text(data.get("route")),
                nth=as_int(data.get("nth"), defaults.nth),
                times=as_int(data.get("times"), defaults.times),
                status=as_int(data.get("status"), defaults.status),
                code=as_int(data.get("code")),
                message=as_text(data.get("message")),
                retry_after=float(retry_after) if isinstance(retry_after, int | float) else 1.0,
                via=data.get("via") is not False,
                everywhere=data.get("global") is True,
                seconds=float(seconds) if isinstance(seconds, int | float) else None,
            )
    raise KeyError(kind)
