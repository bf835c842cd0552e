"""Which of an app's functions does which task, and what goes into which of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from generation.backends.gradio.app import App, Component, Endpoint, Kind
from generation.backends.gradio.roles import FITTING, Role, find_roles, plain
from generation.errors import Unavailable
from generation.types import Task

_PAINTED = frozenset({Kind.SKETCH, Kind.EDITOR})
_OFFERED = frozenset({Kind.SWITCH, Kind.NUMBER, Kind.CHOICE, Kind.TEXT})
_SHOWN = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A function, and the place of the input for each role."""

    endpoint: Endpoint
    places: Mapping[Role, int]

    def input(self, role: Role) -> Component | None:
        """What the role goes into, if anything."""
        place = self.places.get(role)
        return None if place is None else self.endpoint.inputs[place]

    @property
    def task(self) -> Task:
        """What the function is for, by what it takes besides a prompt."""
        image = self.input(Role.IMAGE)
        if image is None:
            return Task.TXT2IMG
        if image.kind in _PAINTED or Role.MASK in self.places:
            return Task.INPAINT
        return Task.IMG2IMG if Role.STRENGTH in self.places else Task.EDIT

    def others(self) -> dict[int, Component]:
        """Inputs without a role that a person could set, by place."""
        roles = set(self.places.values())
        return {
            place: component
            for place, component in enumerate(self.endpoint.inputs)
            if place not in roles and component.is_visible and component.kind in _OFFERED
        }

    def unused(self) -> list[Component]:
        """Inputs that nothing is put into and nobody can set: files, sounds, second pictures."""
        return [
            component
            for place, component in enumerate(self.endpoint.inputs)
            if place not in self.places.values()
            and component.is_visible
            and component.kind not in _OFFERED | {Kind.STATE}
        ]


def make_plans(app: App, endpoint: str | None, wanted: Mapping[str, str]) -> dict[Task, Plan]:
    """The function for each task that the app can do; the one with most roles where several can.

    ``endpoint`` names the only one to look at. ``wanted`` says for roles which input they go
    into: by parameter, label or place counted from 1; "" leaves the role out. Raises
    ``Unavailable`` with one sentence that says what to write.
    """
    roles = _roles(wanted)
    candidates = _candidates(app, endpoint)
    _check(roles, candidates)
    plans: dict[Task, Plan] = {}
    for candidate in candidates:
        places = find_roles(candidate.inputs, _decided(roles, candidate))
        plan = Plan(endpoint=candidate, places=places)
        best = plans.get(plan.task)
        if Role.PROMPT in places and (best is None or len(places) > len(best.places)):
            plans[plan.task] = plan
    if not plans:
        raise Unavailable(detail=_nothing(app, candidates, endpoint))
    if Task.TXT2IMG not in plans and Task.IMG2IMG in plans:
        # One function for both, as many Spaces have it: the picture may be left out.
        plans[Task.TXT2IMG] = plans[Task.IMG2IMG]
    return {task: plans[task] for task in Task if task in plans}


def _roles(wanted: Mapping[str, str]) -> dict[Role, str]:
    known = {role.value: role for role in Role}
    for key in wanted:
        if key not in known:
            raise Unavailable(detail=f'map has no key "{key}"; it has {", ".join(known)}.')
    return {known[key]: reference for key, reference in wanted.items()}


def _candidates(app: App, endpoint: str | None) -> tuple[Endpoint, ...]:
    if endpoint is None:
        return tuple(each for each in app.endpoints if each.draws)
    name = endpoint.strip().strip("/")
    found = [each for each in app.endpoints if name in {each.name, each.title}]
    if not found:
        raise Unavailable(detail=f'The app has no function "{name}"; it has {_names(app)}.')
    if not found[0].draws:
        raise Unavailable(detail=f'No picture comes out of the function "{name}".')
    return tuple(found[:1])


def _check(roles: Mapping[Role, str], candidates: Sequence[Endpoint]) -> None:
    """Each entry of the operator's map must mean an input somewhere, of a kind that fits."""
    for role, reference in roles.items():
        if not reference.strip():
            continue
        if not any(_place(reference, role, endpoint) is not None for endpoint in candidates):
            inputs = [each for endpoint in candidates for each in endpoint.inputs]
            able = {each.name or each.label: None for each in inputs if each.kind in FITTING[role]}
            named = ", ".join(name for name in able if name) or "none"
            raise Unavailable(
                detail=f'map.{role.value} = "{reference}" fits no input; these would do: {named}.'
            )


def _decided(roles: Mapping[Role, str], endpoint: Endpoint) -> dict[Role, int | None]:
    decided: dict[Role, int | None] = {}
    for role, reference in roles.items():
        place = _place(reference, role, endpoint)
        if place is not None or not reference.strip():
            decided[role] = place
    return decided


def _place(reference: str, role: Role, endpoint: Endpoint) -> int | None:
    """Where that input is: by its parameter's name, else its label, else its number."""
    wanted = reference.strip()
    fitting = [place for place, each in enumerate(endpoint.inputs) if each.kind in FITTING[role]]
    names = [(endpoint.inputs[place].name, place) for place in fitting]
    labels = [(endpoint.inputs[place].label, place) for place in fitting]
    for words, place in names + labels:
        if plain(words) == plain(wanted) != "":
            return place
    place = int(wanted) - 1 if wanted.isdecimal() else -1
    return place if place in fitting else None


def _names(app: App) -> str:
    names = [each.title for each in app.endpoints]
    shown = ", ".join(names[:_SHOWN]) or "none that is open to programs"
    return shown + (" …" if len(names) > _SHOWN else "")


def _nothing(app: App, candidates: Sequence[Endpoint], endpoint: str | None) -> str:
    if endpoint is not None or candidates:
        which = ", ".join(each.title for each in candidates[:_SHOWN])
        return (
            f"No input of {which} is known as the prompt's: "
            'write map.prompt = "…" with its label or parameter.'
        )
    return f"No function of this app gives a picture; it has {_names(app)}."
