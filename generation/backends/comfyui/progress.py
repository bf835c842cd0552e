"""How far a job of several runs is, from what is told of each."""

from __future__ import annotations

from generation.backends.comfyui.mapping import RoleMap
from generation.backends.comfyui.messages import Message, Previewed, Stepped
from generation.backends.ledger import Track
from generation.backends.remote.pictures import read_preview
from generation.clock import Clock
from generation.types import Params, Progress

_PREVIEW_SECONDS = 2.0  # each is decoded in a process of its own


class Reporter:
    """Counts the steps of the nodes that draw; others, such as upscalers, report theirs as well.

    Where a graph has several such nodes, or a job several runs, the steps add up.
    """

    def __init__(self, track: Track, params: Params, *, batched: bool, clock: Clock) -> None:
        self._track = track
        self._params = params
        self._clock = clock
        self._began = clock.monotonic()
        self._previewed = -_PREVIEW_SECONDS
        self._preview: bytes | None = None
        passes = 2 if params.hires > 1 else 1
        self._runs = passes * (1 if batched else params.count)
        self._run = -1
        self._samplers: frozenset[str] = frozenset()
        self._steps: dict[str, tuple[int, int]] = {}
        self._step = 0

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the job any more."""
        return self._track.cancel_asked

    def begin(self, role_map: RoleMap) -> None:
        """The next run, of such a graph, begins."""
        self._run += 1
        self._samplers = frozenset(role_map.samplers)
        self._steps.clear()

    async def told(self, message: Message) -> None:
        """Take a message in."""
        match message:
            case Stepped(node=node) if not self._samplers or node in self._samplers:
                self._steps[node] = (message.value, message.most)
                self._track.advance(self._progress())
            case Previewed(data=data):
                now = self._clock.monotonic()
                if now - self._previewed >= _PREVIEW_SECONDS:
                    self._previewed = now
                    self._preview = await read_preview(data) or self._preview
                    self._track.advance(self._progress())

    def _progress(self) -> Progress:
        in_run = sum(value for value, _ in self._steps.values())
        usual = self._params.steps * max(1, len(self._samplers))
        expected = max(usual, sum(most for _, most in self._steps.values()))
        steps = expected * self._runs
        # A node may begin anew, but a job does not.
        self._step = max(self._step, min(self._run * expected + in_run, steps))
        spent = self._clock.monotonic() - self._began
        eta = spent / self._step * (steps - self._step) if self._step else None
        return Progress(step=self._step, steps=steps, eta_seconds=eta, preview=self._preview)
