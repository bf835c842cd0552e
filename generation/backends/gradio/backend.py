"""A Gradio app as a backend: what it is gets found out, jobs are calls of its functions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace

from generation.backends.base import Capabilities, Health, ModelInfo, Work
from generation.backends.gradio import connection, files, offer, report
from generation.backends.gradio.address import app_server
from generation.backends.gradio.app import App
from generation.backends.gradio.calls import Call
from generation.backends.gradio.listener import Listener
from generation.backends.gradio.order import app_seed, fill
from generation.backends.gradio.plan import Plan, make_plans
from generation.backends.gradio.roles import Role
from generation.backends.gradio.watch import Drawn, Watch
from generation.backends.ledger import Track
from generation.backends.remote.backend import Drawing, RemoteBackend
from generation.backends.remote.pictures import read_picture, to_outputs
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.clock import Clock
from generation.errors import BackendError, BadReply, Busy, Unavailable
from generation.images import Picture
from generation.types import SEED_MAX, JobId, Task

_FULL_PAUSE = 10.0
_STOPPED = "the app was told to stop the job"


class GradioBackend(RemoteBackend):
    """Draws with the functions of an app.

    ``endpoint`` names the only function to use. ``mapping`` says for roles, such as ``prompt`` or
    ``seed``, which input they go into: by its parameter's name, its label, or its place counted
    from 1; "" leaves the role out. What is not mapped is found out by its words.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        endpoint: str | None = None,
        mapping: Mapping[str, str] | None = None,
        slots: int = 1,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(
            name,
            app_server(server),
            slots=slots,
            clock=clock,
            patience=patience,
            deadlines=deadlines,
        )
        self._endpoint = endpoint
        self._mapping = dict(mapping or {})
        self._app: App | None = None
        self._plans: dict[Task, Plan] = {}
        self._listeners: dict[JobId, Listener] = {}
        self._scopes: dict[JobId, asyncio.Timeout] = {}
        self._full_until = -math.inf

    @property
    def description(self) -> str | None:
        """Its version and the way it is spoken to."""
        return None if self._app is None else f"Gradio {self._app.version} ({self._app.protocol})"

    @property
    def notes(self) -> tuple[str, ...]:
        """Which function does what, and what became of each of its inputs."""
        return () if self._app is None else report.lines(self._plans)

    async def health(self) -> Health:
        """How it is; for a while after its queue was full it has no slots."""
        health = await super().health()
        is_full = self.clock.monotonic() < self._full_until
        return replace(health, slots=0) if is_full else health

    async def discover(self) -> Capabilities:
        """Log in where that is asked for, and read what the app says of itself."""
        app = await connection.connect(self.wire, self._endpoint)
        self._plans = make_plans(app, self._endpoint, self._mapping)
        self._app = app
        return offer.make_offer(app, self._plans, self.name)

    async def ping(self) -> None:
        """Ask for the configuration: it is the one path that all versions have and guard alike."""
        await connection.read_config(self.wire)

    async def draw(self, work: Work, model: ModelInfo, track: Track) -> Drawing:
        """Call the task's function, once for each picture where it takes a seed."""
        plan = self._plans.get(work.params.task)
        if self._app is None or plan is None:
            raise Unavailable(detail=f"the app has no function for {work.params.task}")
        scope = self._scopes[work.job_id] = asyncio.timeout(None)
        try:
            async with scope:
                return await self._draw(self._app, plan, work, model, track)
        except Busy:
            self._full_until = self.clock.monotonic() + _FULL_PAUSE
            raise
        except TimeoutError:
            # ``halt`` ends the scope: leaving the stream is a part of stopping.
            raise BackendError(detail=_STOPPED) from None
        finally:
            self._scopes.pop(work.job_id, None)

    async def halt(self, job_id: JobId) -> None:
        """Stop the call where the app can, and wait for its pictures no longer in any case."""
        listener = self._listeners.get(job_id)
        try:
            if listener is not None:
                await listener.stop()
        finally:
            scope = self._scopes.get(job_id)
            if scope is not None and not scope.expired():
                scope.reschedule(asyncio.get_running_loop().time())

    async def is_idle(self, job_id: JobId) -> bool:
        """Whether its call has ended: by itself, or because the app was told in time."""
        listener = self._listeners.get(job_id)
        if listener is not None and not listener.is_over:
            return False
        self._listeners.pop(job_id, None)
        return True

    async def aclose(self) -> None:
        """Stop what runs where that can be done, and listen to nothing any more."""
        await super().aclose()
        await asyncio.gather(*(listener.leave() for listener in self._listeners.values()))

    async def _draw(
        self, app: App, plan: Plan, work: Work, model: ModelInfo, track: Track
    ) -> Drawing:
        params = work.params
        pictures = await files.send_pictures(self.wire, app, plan, work)
        seeds = plan.input(Role.SEED)
        batches = _batches(plan, params.count)
        found: list[tuple[Picture, int | None]] = []
        for number, size in enumerate(batches):
            seed = app_seed(seeds, params.seed, number)
            call = Call(
                endpoint=plan.endpoint,
                data=fill(
                    plan,
                    params,
                    seed=seed,
                    count=size,
                    options=offer.options_for(plan, params),
                    pictures=pictures,
                ),
                longest=max(self.patience.draw, self.patience.rid),
            )
            watch = Watch(
                self.wire,
                app,
                plan.endpoint,
                track,
                clock=self.clock,
                steps=params.steps,
                part=(number, len(batches)),
            )
            listener = self._listeners[work.job_id] = Listener(self.wire, app, call)
            drawn = await watch.follow(listener.messages())
            known = None if seeds is None else seed
            found += await self._taken(app, drawn, known, wanted=size)
        self._listeners.pop(work.job_id, None)
        return await _drawing(work, model, found)

    async def _taken(
        self, app: App, drawn: Drawn, seed: int | None, *, wanted: int
    ) -> list[tuple[Picture, int | None]]:
        """The pictures of a call with their seeds. Surplus ones, such as grids, are left out."""
        if len(drawn.links) < wanted:
            raise BadReply(detail=f"{len(drawn.links)} pictures came instead of {wanted}")
        first = seed if drawn.seed is None else drawn.seed
        taken: list[tuple[Picture, int | None]] = []
        for place, link in enumerate(drawn.links[:wanted]):
            picture = await read_picture(await files.fetch(self.wire, app, link))
            taken.append((picture, None if first is None else (first + place) % (SEED_MAX + 1)))
        return taken


def _batches(plan: Plan, count: int) -> list[int]:
    """How many pictures each call is to make.

    With a seed of its own each picture can be made again; an app without seeds makes them at once.
    """
    at_once = Role.SEED not in plan.places and Role.COUNT in plan.places
    return [count] if at_once else [1] * count


async def _drawing(
    work: Work, model: ModelInfo, found: list[tuple[Picture, int | None]]
) -> Drawing:
    """What came, with the app's own sizes and seeds: it need not heed ours."""
    first = found[0][0]
    shown = replace(work.params, width=first.width, height=first.height)
    outputs = await to_outputs(
        work,
        [picture for picture, _ in found],
        title=model.title,
        shown=None if work.params.task is Task.INPAINT else shown,
        seeds=[seed for _, seed in found],
    )
    return Drawing(outputs=outputs)
