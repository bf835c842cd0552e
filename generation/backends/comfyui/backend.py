"""ComfyUI as a backend: each job is a workflow, filled in and run on its server."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from generation.backends.base import Capabilities, ModelInfo, ToolInfo, Work
from generation.backends.comfyui.api import Api
from generation.backends.comfyui.filling import Uploads, fill, fill_tool, takes_alpha
from generation.backends.comfyui.mapping import Role
from generation.backends.comfyui.object_info import ObjectInfo
from generation.backends.comfyui.offers import Menu, Offer, make_menu, needed_kinds
from generation.backends.comfyui.progress import Reporter
from generation.backends.comfyui.run import Run, Runner
from generation.backends.comfyui.workflow import STARTERS, Workflow, read_folder
from generation.backends.ledger import Track
from generation.backends.remote.backend import Drawing, RemoteBackend
from generation.backends.remote.pictures import read_picture, to_outputs
from generation.backends.remote.server import Server
from generation.backends.remote.standing import Patience
from generation.backends.remote.wire import Deadlines
from generation.clock import Clock
from generation.errors import BackendError, BadReply, Unavailable
from generation.images import Picture, cut_patch, fit, punched
from generation.types import JobId, Output, Params, Task

_ONE_SEED = "These pictures were drawn in one go and share one seed."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sitting:
    """A job while it is drawn."""

    work: Work
    offer: Offer
    reporter: Reporter


class ComfyBackend(RemoteBackend):
    """A ComfyUI server, with the workflows of a folder or those that come with Easel.

    Each picture of a job is a run of its own with its own seed, so that any of them can be drawn
    again; ComfyUI keeps what does not change between them.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        workflows: Path | None = None,
        slots: int = 1,
        clock: Clock | None = None,
        patience: Patience | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(
            name, server, slots=slots, clock=clock, patience=patience, deadlines=deadlines
        )
        self._folder = workflows
        self._api = Api(self.wire)
        self._runner = Runner(self._api, self.clock, look=self.patience.look)
        self._server_info = ObjectInfo({})
        self._menu = Menu(offers={})
        self._runs: dict[JobId, Run] = {}
        self._description: str | None = None
        self._notes: tuple[str, ...] = ()
        self._resident: str | None = None

    @property
    def resident(self) -> str | None:
        """The model that it drew with last."""
        return self._resident

    @property
    def description(self) -> str | None:
        """Its version and what it computes on."""
        return self._description

    @property
    def notes(self) -> tuple[str, ...]:
        """Which inputs of each workflow are used for what, and which workflows are not offered."""
        return self._notes

    async def discover(self) -> Capabilities:
        """Ask for its nodes, and see which workflows it can run."""
        system = await self._api.system()
        shelf = await asyncio.to_thread(read_folder, self._folder or STARTERS)
        info = await self._api.object_info(needed_kinds(shelf.workflows))
        menu = make_menu(shelf.workflows, info)
        self._description = f"ComfyUI {system.version}, {system.device}"
        lacks = (*shelf.problems, *menu.notes)
        if not menu.offers and not menu.tools:
            raise Unavailable(detail=self._nothing(lacks))
        self._server_info, self._menu = info, menu
        used = [each for offer in menu.offers.values() for each in offer.workflows.values()]
        used += [each.workflow for each in menu.tools.values()]
        # What does not fit a server is news only where its operator wrote it.
        told = dict.fromkeys(map(_told, used))
        self._notes = (*told, *lacks) if self._folder is not None else ()
        return Capabilities(
            models=tuple(offer.info for offer in menu.offers.values()),
            tools=tuple(tool.info for tool in menu.tools.values()),
        )

    async def ping(self) -> None:
        """Ask for its queue."""
        await self._api.line()

    async def draw(self, work: Work, model: ModelInfo, track: Track) -> Drawing:
        """Run the workflow of the job's task, once for each picture; twice with ``hires``."""
        offer = self._menu.offers[model.name]
        workflow = _workflow(offer, work.params.task)
        reporter = Reporter(
            track, work.params, batched=workflow.map.draws_batches, clock=self.clock
        )
        sitting = _Sitting(work=work, offer=offer, reporter=reporter)
        uploads = await self._upload(work, workflow)
        pictures: list[Picture] = []
        for seed, count in _rounds(work.params, workflow):
            drawn = await self._run(sitting, work.params, uploads, seed=seed, count=count)
            if work.params.hires > 1:
                drawn = [await self._again(sitting, each, seed) for each in drawn]
            pictures += drawn
        del self._runs[work.job_id]
        self._resident = model.name
        if workflow.map.draws_batches and len(pictures) > 1:
            seeds = [work.params.seed] * len(pictures)
            outputs = await to_outputs(work, pictures, title=model.title, seeds=seeds)
            return Drawing(outputs=outputs, notes=(_ONE_SEED,))
        return Drawing(outputs=await to_outputs(work, pictures, title=model.title))

    async def use(self, work: Work, tool: ToolInfo, track: Track) -> Drawing:
        """Run an upscaler's workflow. Whatever size it gives, the asked one is delivered."""
        chosen, size = self._menu.tools[tool.name], work.params.final_size
        name = await self._put(work.image or b"")
        run = Run(graph=fill_tool(chosen, name, size), workflow=chosen.workflow)
        self._runs[work.job_id] = run
        reporter = Reporter(track, work.params, batched=True, clock=self.clock)
        reporter.begin(chosen.workflow.map)
        files = await self._runner.pictures(run, reporter.told)
        picture = await read_picture(await self._api.fetch(files[0]))
        del self._runs[work.job_id]
        data = picture.png
        if (picture.width, picture.height) != size:
            data = await fit(data, *size)
        output = Output(
            data=data, media_type="image/png", width=size[0], height=size[1], seed=work.params.seed
        )
        return Drawing(outputs=(output,))

    async def halt(self, job_id: JobId) -> None:
        """Take the job's run out of the server's line, or interrupt it; no other is touched."""
        if (run := self._runs.get(job_id)) is not None:
            await self._runner.stop(run)

    async def is_idle(self, job_id: JobId) -> bool:
        """Whether the job's run is neither waiting nor running there."""
        run = self._runs.get(job_id)
        if run is not None and run.prompt in await self._api.line():
            return False
        self._runs.pop(job_id, None)
        return True

    async def _run(
        self, sitting: _Sitting, params: Params, uploads: Uploads, *, seed: int, count: int
    ) -> list[Picture]:
        """The pictures of one run."""
        workflow = _workflow(sitting.offer, params.task)
        graph = fill(
            sitting.offer, params, uploads, seed=seed, count=count, server=self._server_info
        )
        run = Run(graph=graph, workflow=workflow)
        sitting.reporter.begin(workflow.map)
        self._runs[sitting.work.job_id] = run
        if sitting.reporter.is_cancelled:
            raise BackendError(detail="the job was cancelled between two of its pictures")
        files = await self._runner.pictures(run, sitting.reporter.told)
        if len(files) < count:
            raise BadReply(detail=f"{workflow.name} made {len(files)} pictures instead of {count}")
        # An edit's workflow may go by the size of what it edits.
        is_exact = workflow.map.keeps_size and params.task is not Task.EDIT
        size = (params.width, params.height) if is_exact else None
        return [
            await read_picture(await self._api.fetch(file), size=size) for file in files[:count]
        ]

    async def _again(self, sitting: _Sitting, picture: Picture, seed: int) -> Picture:
        """The picture, enlarged and drawn over."""
        params = sitting.work.params
        width, height = params.final_size
        png = await fit(picture.png, width, height)
        over = replace(
            params,
            task=Task.IMG2IMG,
            width=width,
            height=height,
            strength=params.hires_strength,
        )
        uploads = Uploads(pictures=(await self._put(png),))
        return (await self._run(sitting, over, uploads, seed=seed, count=1))[0]

    async def _upload(self, work: Work, workflow: Workflow) -> Uploads:
        """The job's pictures, on the server."""
        pictures = [work.image] if work.image is not None else []
        pictures += work.references
        if work.image is None or work.mask is None:
            return Uploads(pictures=tuple([await self._put(png) for png in pictures]))
        start, mask = await asyncio.to_thread(cut_patch, work.image, work.mask, work.params)
        if takes_alpha(workflow):
            masked = await self._put(await asyncio.to_thread(punched, start, mask))
            one_node = set(workflow.map.places(Role.IMAGE)) == set(workflow.map.places(Role.MASK))
            name = masked if one_node else await self._put(start)
            return Uploads(pictures=(name,), mask=masked)
        return Uploads(pictures=(await self._put(start),), mask=await self._put(mask))

    async def _put(self, png: bytes) -> str:
        """The same picture has the same name: it lies there once, and no other is overwritten."""
        name = await asyncio.to_thread(lambda: hashlib.sha256(png).hexdigest()[:32])
        return await self._api.upload(png, f"{name}.png")

    def _nothing(self, lacks: Sequence[str]) -> str:
        reasons = "; ".join(lacks[:5]) or "it holds none"
        where = f"The workflows in {self._folder}" if self._folder else "Easel's own workflows"
        return (
            f"{where} cannot run on {self.wire.server.url}: {reasons}. Export one from ComfyUI "
            "with Workflow → Export (API) into a folder, and name that under workflows."
        )


def _workflow(offer: Offer, task: Task) -> Workflow:
    workflow = offer.workflows.get(task)
    if workflow is None:
        raise Unavailable(detail=f"{offer.info.name} has no workflow for {task.value}")
    return workflow


def _rounds(params: Params, workflow: Workflow) -> Sequence[tuple[int, int]]:
    """The seed and the number of pictures of each run."""
    if workflow.map.draws_batches:
        return [(params.seed, params.count)]
    return [(seed, 1) for seed in params.seeds()]


def _told(workflow: Workflow) -> str:
    """How a workflow was understood, for its operator."""
    roles = workflow.map.roles.items()
    known = ", ".join(f"{role.value} {'+'.join(map(str, places))}" for role, places in roles)
    doubts = "".join(f"; {doubt}" for doubt in workflow.map.doubts)
    return f"workflow {workflow.name}: {workflow.task.value}; {known}{doubts}"
