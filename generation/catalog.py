"""The models on offer, and the way from a member's draft to parameters without gaps."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from generation.access import AccessRule, Groups, is_open
from generation.amounts import (
    choose_clip_skip,
    choose_eta,
    choose_guidance,
    choose_seed,
    choose_strength,
    within,
)
from generation.backends.base import Backend, Capabilities, ModelInfo, ToolInfo
from generation.choices import choose_loras, choose_sampler, unknown
from generation.controlling import choose_controls, choose_tiling
from generation.enlarging import second_pass
from generation.errors import BackendError, InvalidParams, Refused, Unavailable
from generation.merging import merged
from generation.own_options import choose_options, fitting_options
from generation.prompt import Draft, clean_text
from generation.prompt.emphasis import read_phrases
from generation.redrawing import Redraw, mask_blur, padding, size_for
from generation.references import choose_looker, choose_weight
from generation.sizes import choose_size, names_no_size
from generation.tools import WORDS
from generation.types import Params, Task
from generation.variations import choose_variation


class Catalog:
    """What the backends offer, kept in memory: every question is answered without waiting.

    A model that several backends offer is one to members: the first one describes it, and what
    any of them can do may be asked for. ``closed`` are models that there are, but not for whoever
    this catalogue is for; ``preferred`` is the default, where it is there.
    """

    def __init__(
        self,
        models: Iterable[ModelInfo] = (),
        tools: Iterable[ToolInfo] = (),
        *,
        rules: Sequence[AccessRule] = (),
        closed: Iterable[ModelInfo] = (),
        preferred: str | None = None,
    ) -> None:
        self._offers: dict[str, Capabilities] = {}
        self._preferred = preferred
        self._take(models)
        self._tools: dict[str, ToolInfo] = {tool.name: tool for tool in tools}
        self._rules = tuple(rules)
        self._closed = tuple(closed)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """Every model, the default first."""
        return tuple(self._models.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, in the same order."""
        return tuple(self._models)

    @property
    def default(self) -> ModelInfo:
        """The first model of the first backend. Raises ``Unavailable`` while there is none."""
        for model in self._models.values():
            return model
        if self._closed:
            raise Refused("The models here are kept for others; please ask an admin.")
        raise Unavailable("No model is available yet. Please try again in a minute.")

    def seen_by(self, groups: Groups) -> Catalog:
        """The models that a member of these groups may use, as a catalogue of their own."""
        opened = [each for each in self.models if is_open(each.name, groups, self._rules)]
        if len(opened) == len(self._models):
            return self
        closed = [each for each in self.models if each not in opened]
        each = [one for model in opened for one in self._single[model.name]]
        return Catalog(each, self._tools.values(), closed=closed)

    def find(self, name: str) -> ModelInfo:
        """The model of that name, title or alias, in any case.

        Raises ``InvalidParams`` with a hint.
        """
        if (model := _named(name, self._models.values())) is not None:
            return model
        names = self.names
        if (closed := _named(name, self._closed)) is not None:
            hint = f" Open to you: {', '.join(names[:5])}." if names else ""
            raise InvalidParams("model", f"The model {closed.name} is kept for others here.{hint}")
        raise unknown("model", name, names)

    def tools(self, task: Task) -> tuple[ToolInfo, ...]:
        """Every tool for the task, its default first."""
        return tuple(tool for tool in self._tools.values() if tool.task is task)

    def find_tool(self, task: Task, name: str | None = None) -> ToolInfo:
        """The task's tool of that name or title, or its default. Raises ``InvalidParams``."""
        offered = self.tools(task)
        if not offered:
            raise InvalidParams("method", f"Nothing here can {WORDS[task]}.")
        if name is None:
            return offered[0]
        wanted = name.strip().casefold()
        for tool in offered:
            if wanted in {tool.name.casefold(), tool.title.casefold()}:
                return tool
        raise unknown("method", name, [tool.name for tool in offered])

    def backends_of(self, model: str) -> tuple[str, ...]:
        """Names of the backends that offer the model, in the order of their configuration."""
        return tuple(
            backend
            for backend, offered in self._offers.items()
            if any(offer.name == model for offer in offered.models)
        )

    async def refresh(self, backends: Sequence[Backend]) -> None:
        """Ask every backend what it offers. One that is down keeps what it offered last."""
        answers = await asyncio.gather(*(self._ask(backend) for backend in backends))
        self._offers = {
            backend.name: offered for backend, offered in zip(backends, answers, strict=True)
        }
        self._take(model for offered in self._offers.values() for model in offered.models)
        self._tools = {}
        for offered in self._offers.values():
            for tool in offered.tools:
                self._tools.setdefault(tool.name, tool)

    def _take(self, models: Iterable[ModelInfo]) -> None:
        """Put together what is offered of each model; the preferred one becomes the first."""
        single: dict[str, list[ModelInfo]] = {}
        for model in models:
            offers = single.setdefault(model.name, [])
            if model not in offers:
                offers.append(model)
        ordered = sorted(single, key=lambda name: name != self._preferred)
        self._single = {name: tuple(single[name]) for name in ordered}
        self._models = {name: merged(offers) for name, offers in self._single.items()}

    async def _ask(self, backend: Backend) -> Capabilities:
        try:
            return await backend.capabilities()
        except BackendError:
            # The dispatcher, which asks more often, has told it in the log.
            return self._offers.get(backend.name, Capabilities(models=()))

    def resolve(
        self,
        draft: Draft,
        *,
        task: Task,
        default_model: str | None = None,
        picture_size: tuple[int, int] | None = None,
        redraw: Redraw | None = None,
        references: int = 0,
    ) -> Params:
        """Everything the draft left open, filled in, and everything it says, checked.

        ``picture_size`` is the uploaded picture's width and height; where the draft names no
        size, the result takes its shape. ``redraw`` is what inpainting works on. With so many
        ``references`` another model is chosen where the default cannot look at them. A random
        seed is drawn here, so that what is stored can be repeated. Raises ``InvalidParams`` with
        one sentence for the first problem.

        The first of the model's engines that can do all of it says what was left open.
        """
        model = self._choose(draft.model, default_model)
        if references:
            every = self._models.values()
            model, task = choose_looker(draft, model, every, task, references)
        if task not in model.tasks:
            raise InvalidParams("model", _cannot(model, task, self._models.values()))
        offers = [offer for offer in self._single[model.name] if task in offer.tasks]
        fill = functools.partial(self._resolved, references=references)
        if offers == [model]:
            return fill(draft, model, task, picture_size, redraw)
        refusals: list[InvalidParams] = []
        for offer in offers:
            try:
                return fill(draft, offer, task, picture_size, redraw)
            except InvalidParams as refusal:
                refusals.append(refusal)
        fill(draft, model, task, picture_size, redraw)  # says what none of them can do
        raise _not_together(model, refusals)

    def _resolved(
        self,
        draft: Draft,
        model: ModelInfo,
        task: Task,
        picture_size: tuple[int, int] | None,
        redraw: Redraw | None,
        *,
        references: int,
    ) -> Params:
        if redraw is not None and names_no_size(draft):
            width, height = size_for(redraw, model)
        else:
            width, height = choose_size(draft, model, picture_size)
        hires, hires_strength, final = second_pass(draft, (width, height), model, task)
        final_width, final_height = final if redraw is None else redraw.canvas
        subseed, subseed_strength = choose_variation(draft, model, task)
        sampler, scheduler = choose_sampler(draft, model)
        return Params(
            task=task,
            model=model.name,
            prompt=_prompt(draft, model),
            negative_prompt=_negative(draft, model),
            width=width,
            height=height,
            steps=within("steps", draft.steps, model.steps, model.min_steps, model.max_steps),
            guidance_scale=choose_guidance(draft, model),
            sampler=sampler,
            scheduler=scheduler,
            seed=choose_seed(draft.seed),
            count=within("count", draft.count, 1, 1, model.max_count),
            strength=choose_strength(draft, model, task),
            loras=choose_loras(draft, model),
            eta=choose_eta(draft, model, sampler),
            clip_skip=choose_clip_skip(draft, model),
            exact=bool(draft.exact),
            mask_blur=mask_blur(draft, task),
            padding=padding(draft, task),
            final_width=final_width,
            final_height=final_height,
            hires=hires,
            hires_strength=hires_strength,
            subseed=subseed,
            subseed_strength=subseed_strength,
            references=references,
            reference_weight=choose_weight(draft, model, references),
            options=choose_options(draft, model, task),
            controls=choose_controls(draft, model, self._models.values()),
            tiling=choose_tiling(draft, model, task, self._models.values()),
        )

    def looks(self, model: str, task: Task) -> bool:
        """Whether a model of that name looks at pictures in the task. Raises ``InvalidParams``."""
        found = self.find(model)
        return bool(found.max_references) and task in found.looks & found.tasks

    def fitted(self, draft: Draft, task: Task) -> Draft:
        """The draft of another task's job for this one, without options that do not fit it.

        Raises ``InvalidParams`` when the model is gone, ``Unavailable`` while there is none.
        """
        model = self._choose(draft.model, None)
        return replace(draft, options=fitting_options(draft.options, model, task))

    def _choose(self, asked: str | None, default_model: str | None) -> ModelInfo:
        if asked is not None:
            return self.find(asked)
        if default_model is not None:
            try:
                return self.find(default_model)
            except InvalidParams:
                # A server's chosen default may have been taken away since: work goes on.
                return self.default
        return self.default


def _not_together(model: ModelInfo, refusals: Iterable[InvalidParams]) -> InvalidParams:
    """Each wish can be had somewhere, but not all of them in one place."""
    options = sorted({refusal.option for refusal in refusals})
    return InvalidParams(
        options[0],
        f"{model.title} is drawn by several engines, and none of them can do all of this together. "
        f"Please leave out one of these: {', '.join(options)}.",
    )


def _named(name: str, models: Iterable[ModelInfo]) -> ModelInfo | None:
    wanted = name.strip().casefold()
    for model in models:
        if wanted in {model.name.casefold(), model.title.casefold()}:
            return model
    for model in models:
        if wanted in {alias.casefold() for alias in model.aliases}:
            return model
    return None


def _cannot(model: ModelInfo, task: Task, models: Iterable[ModelInfo]) -> str:
    able = [other.name for other in models if task in other.tasks]
    hint = f" These can: {', '.join(able[:5])}." if able else ""
    return f"The model {model.name} cannot {WORDS[task]}.{hint}"


def _prompt(draft: Draft, model: ModelInfo) -> str:
    prompt = clean_text(draft.prompt)
    if not prompt:
        raise InvalidParams("prompt", "Please describe the picture in the prompt.")
    _require_readable(prompt, "prompt", model)
    return prompt


def _negative(draft: Draft, model: ModelInfo) -> str:
    negative = clean_text(draft.negative_prompt or "", option="negative_prompt")
    if negative and not model.uses_negative_prompt:
        raise InvalidParams(
            "negative_prompt", f"The model {model.name} ignores negative prompts; leave it out."
        )
    _require_readable(negative, "negative_prompt", model)
    return negative


def _require_readable(text: str, option: str, model: ModelInfo) -> None:
    """Raise for emphasis that the model's worker would refuse."""
    if model.uses_emphasis:
        read_phrases(text, option=option)
