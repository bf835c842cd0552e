"""The servers on loopback that stand for each protocol. A new one joins by being named here."""

from __future__ import annotations

from tests.servers.a1111 import A1111Twin
from tests.servers.a1111_relatives import (
    ForgeTwin,
    KoboldTwin,
    NoWebUiTwin,
    PartialTwin,
    SdCppTwin,
    SdNextTwin,
)
from tests.servers.comfyui import ComfyTwin
from tests.servers.gradio import Gradio3Twin, Gradio40Twin, GradioTwin
from tests.servers.images import ImagesTwin
from tests.servers.twin import Twin

TWINS: dict[str, type[Twin]] = {
    "a1111": A1111Twin,
    "a1111-nowebui": NoWebUiTwin,
    "forge": ForgeTwin,
    "sdnext": SdNextTwin,
    "sdcpp": SdCppTwin,
    "koboldcpp": KoboldTwin,
    "partial": PartialTwin,
    "gradio-3": Gradio3Twin,
    "gradio-4.8": Gradio40Twin,
    "gradio-6": GradioTwin,
    "comfyui": ComfyTwin,
    "openai": ImagesTwin,
}
