"""Workflows as people export them, small, and a server's nodes to judge them by."""

from __future__ import annotations

import json
from typing import Any

from generation.backends.comfyui.graph import Graph
from generation.backends.comfyui.object_info import ObjectInfo, read_node
from tests.servers.comfyui import NODES

Nodes = dict[str, Any]


def node(kind: str, title: str = "", **inputs: Any) -> Nodes:
    made: Nodes = {"class_type": kind, "inputs": inputs}
    return made | ({"_meta": {"title": title}} if title else {})


def default_graph() -> Nodes:
    """The one that ComfyUI opens with, as its editor exports it."""
    return {
        "3": node(
            "KSampler",
            seed=156680208700286,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=4),
        "6": node("CLIPTextEncode", "Prompt", text="a bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


def from_picture() -> Nodes:
    """The default graph, starting from a picture."""
    graph = default_graph()
    graph["10"] = node("LoadImage", image="example.png")
    graph["5"] = node("VAEEncode", pixels=["10", 0], vae=["4", 2])
    graph["3"]["inputs"]["denoise"] = 0.55
    return graph


def custom_sampler() -> Nodes:
    """FLUX as its makers' example has it: the sampler in parts, guidance as a number."""
    return {
        "5": node("EmptySD3LatentImage", width=1024, height=1024, batch_size=1),
        "6": node("CLIPTextEncode", text="a fox", clip=["11", 0]),
        "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": node("SaveImage", filename_prefix="flux", images=["8", 0]),
        "10": node("VAELoader", vae_name="ae.safetensors"),
        "11": node("DualCLIPLoader", clip_name1="t5", clip_name2="clip_l", type="flux"),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "13": node(
            "SamplerCustomAdvanced",
            noise=["25", 0],
            guider=["22", 0],
            sampler=["16", 0],
            sigmas=["17", 0],
            latent_image=["5", 0],
        ),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=20, denoise=1, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=219670278747233),
        "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "30": node(
            "ModelSamplingFlux",
            max_shift=1.15,
            base_shift=0.5,
            width=1024,
            height=1024,
            model=["12", 0],
        ),
    }


def graph_of(nodes: Nodes) -> Graph:
    return Graph.read(json.dumps(nodes))


def server_with(nodes: Nodes | None = None) -> ObjectInfo:
    """What a server with these nodes says of them."""
    told = {
        kind: read_node(kind, {kind: {"input": {"required": inputs}}})
        for kind, inputs in (NODES if nodes is None else nodes).items()
    }
    return ObjectInfo({kind: info for kind, info in told.items() if info is not None})
