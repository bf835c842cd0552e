"""Which cards there may be, and which of them this process sees: all without torch."""

from __future__ import annotations

import shutil
import sys
from collections.abc import MutableMapping
from pathlib import Path

ONLY_CARD = "EASEL_ONLY_CARD"
"""Names the device whose card is the only one that this process sees, and so its first."""

_CUDA, _HIP = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"  # ROCm heeds both, its own first


def hide_other_cards(device: str, environment: MutableMapping[str, str]) -> None:
    """Leave only that card visible. ``cuda:1`` is the second of those that are visible now.

    Libraries that ask for "the" card would else open the first one as well, and take some
    hundred megabytes of it. Nothing is changed for a device without a number, or with one that
    is known not to be there.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number.isdecimal():
        return
    variable = _HIP if _HIP in environment else _CUDA
    visible = [item.strip() for item in environment.get(variable, "").split(",") if item.strip()]
    if variable not in environment:
        environment[variable] = number
    elif int(number) < len(visible):
        environment[variable] = visible[int(number)]
    else:
        return
    environment[ONLY_CARD] = device


def may_have_cards(count: int, root: Path = Path("/"), platform: str = sys.platform) -> bool:
    """Whether the machine may have so many cards. Cheap, and rather yes where it is unclear.

    ``root`` is where the system's files are. A Mac has one device, which is no card.
    """
    if platform != "linux":
        return platform == "win32" and shutil.which("nvidia-smi") is not None
    if (root / "dev/dxg").exists():  # Windows' subsystem for Linux: it hides how many
        return True
    nvidia = list((root / "dev").glob("nvidia[0-9]*"))
    nodes = (root / "sys/class/kfd/kfd/topology/nodes").glob("*/gpu_id")
    amd = [node for node in nodes if _read(node) not in {"", "0"}]  # 0 is a processor
    return max(len(nvidia), len(amd)) >= count


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
