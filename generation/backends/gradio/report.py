"""What becomes of each input of an app, in lines for its operator."""

from __future__ import annotations

from collections.abc import Mapping

from generation.backends.gradio.offer import option_places
from generation.backends.gradio.plan import Plan
from generation.backends.gradio.roles import Role
from generation.types import Task

_WORTH_NAMING = (Role.SEED, Role.STEPS, Role.GUIDANCE, Role.NEGATIVE_PROMPT)
_DOES = {
    Task.TXT2IMG: "draws from a prompt",
    Task.IMG2IMG: "starts from a picture",
    Task.INPAINT: "redraws a part of a picture",
    Task.EDIT: "edits a picture",
}


def lines(plans: Mapping[Task, Plan]) -> tuple[str, ...]:
    """Which function does what with which inputs, what is missing, and what is left alone."""
    found = []
    for task, plan in plans.items():
        roles = ", ".join(_role(role, plan) for role in Role if role in plan.places)
        found.append(f"{plan.endpoint.title} {_DOES[task]}: {roles}")
        options = option_places(plan)
        if options:
            found.append(f"{plan.endpoint.title}: options of its own: {', '.join(options)}")
        missing = [role.value for role in _WORTH_NAMING if role not in plan.places]
        if missing:
            found.append(
                f"{plan.endpoint.title}: no input was found for {', '.join(missing)}; if there is "
                "one, name it in this backend's map"
            )
        unused = [component.title for component in plan.unused()]
        if unused:
            found.append(f"{plan.endpoint.title}: left as they are: {', '.join(unused)}")
    return tuple(dict.fromkeys(found))


def _role(role: Role, plan: Plan) -> str:
    component = plan.input(role)
    title = "" if component is None else component.title
    return role.value if title.casefold() == role.value else f"{role.value} = “{title}”"
