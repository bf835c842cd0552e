"""Why a worker cannot start, in words that an operator can act on. Loads no library."""

from __future__ import annotations

import sys

_INSTALL_TORCH = "https://pytorch.org/get-started/locally"
_ADVICE = {
    "no kernel image": f"this build of torch is not for this card, see {_INSTALL_TORCH}",
    "driver on your system is too old": f"update the driver, or see {_INSTALL_TORCH}",
    "driver version is insufficient": f"update the driver, or see {_INSTALL_TORCH}",
    "all CUDA-capable devices are busy": "another program holds the card for itself: end that one",
}


def why_not_understood(error: Exception) -> str:
    """What to do about a first message that is none."""
    return f"Easel was changed while the bot was running; start the bot again ({error})"


def why_not_started(error: Exception) -> str:
    """What went wrong while models were opened, and what to do where that is known."""
    cause = getattr(error, "detail", None) or f"{type(error).__name__}: {error}"
    for words, advice in _ADVICE.items():
        if words in cause:
            return f"{cause.splitlines()[0]}; {advice}"
    return str(cause)


def why_not_importable(error: Exception) -> str:
    """What to do about a library that is not there, or does not load on this machine."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if package == "generation":
            return f"Easel itself is not complete, install it again: {error}"
        return (
            f"the Python package {package} is not installed in {sys.prefix}; "
            f"install Easel again there, or: {sys.executable} -m pip install {package}"
        )
    return (
        f"a library does not load: {type(error).__name__}: {error}; "
        f"install torch for this machine again, see {_INSTALL_TORCH}"
    )
