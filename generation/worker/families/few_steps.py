"""Recognises models that were distilled to draw in a few steps, from what their files say."""

from __future__ import annotations

from generation.worker.families.base import ModelFiles

FEW_STEPS = 4
_WORDS = ("turbo", "lightning", "hyper", "lcm", "dmd", "schnell", "distilled")
_SCHEDULERS = ("LCMScheduler", "TCDScheduler", "FlowMatchLCMScheduler")
_EULERS = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")


def is_distilled(files: ModelFiles) -> bool:
    """Whether the model's scheduler, or the name under which it was published, tells so.

    Turbo and Lightning models are saved with an Euler scheduler that starts from full noise
    (trailing) and predicts noise; models that need all their steps never are.
    """
    if files.text("scheduler", "_class_name") in _SCHEDULERS:
        return True
    if _has_turbo_schedule(files):
        return True
    published = str(files.options.get("_name_or_path", "")).lower()
    return any(word in published for word in _WORDS)


def _has_turbo_schedule(files: ModelFiles) -> bool:
    return (
        files.text("scheduler", "_class_name") in _EULERS
        and files.text("scheduler", "timestep_spacing") == "trailing"
        and files.text("scheduler", "prediction_type") in {"", "epsilon"}
        and not files.is_set("scheduler", "rescale_betas_zero_snr")
    )
