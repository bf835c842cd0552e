"""What a workflow's inputs are for, told from the graph alone: which sampler they lead to, and how.

Only what the graph makes plain is taken. Everything else is a doubt, in words, and can be named in
the workflow's mapping file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from generation.backends.comfyui.graph import Graph, Link, Node, Place
from generation.backends.comfyui.mapping import Role, RoleMap
from generation.types import Task

SAMPLERS = frozenset({"KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"})
"""The nodes that denoise; their progress counts as steps."""

_OUTPUTS = ("SaveImage", "PreviewImage")
_LOADERS = ("ckpt_name", "unet_name", "gguf_name")
_TEXTS = ("text", "prompt", "text_g", "text_l", "clip_l", "t5xxl", "llama", "bert", "mt5xl")
_LITERALS = ("value", "text", "string", "String")
_SEEDS = ("seed", "noise_seed")
_INSTRUCTED = frozenset(
    {"TextEncodeQwenImageEdit", "TextEncodeQwenImageEditPlus", "ReferenceLatent"}
)
_DECODERS = frozenset({"VAEDecode", "VAEDecodeTiled"})
_PIXELS = ("pixels", "image", "images", "samples", "latent", "latent_image")
_MASKS = ("mask", "masks", "image")


def guess(graph: Graph) -> RoleMap:
    """The roles of a graph's inputs, as far as they are plain."""
    return _Guess(graph).roles()


class _Guess:
    """One graph while it is read. ``_found`` keeps the places of each role in order."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._found: dict[Role, list[Place]] = {}
        self._doubts: list[str] = []
        self._outputs = _outputs(graph)
        self._used = graph.upstream(*self._outputs)
        self._samplers = [node for node in self._used if node.kind in SAMPLERS]

    def roles(self) -> RoleMap:
        base = self._base_sampler()
        if not self._outputs:
            self._doubts.append("no SaveImage or PreviewImage: name the node under outputs")
        if base is None:
            self._find_pictures(self._used)
            self._find_upscaler()
        else:
            self._find_texts(base)
            self._find_numbers(base)
            self._find_latent(base)
            self._find_model(base)
        return RoleMap(
            task=self._task(base),
            roles={role: tuple(dict.fromkeys(places)) for role, places in self._found.items()},
            outputs=self._outputs,
            samplers=tuple(node.id for node in self._samplers),
            keeps_size=self._keeps_size(),
            doubts=tuple(self._doubts),
        )

    def _base_sampler(self) -> Node | None:
        """The sampler that comes first: the only one with no other before it."""
        first = [
            node
            for node in self._samplers
            if not any(other.kind in SAMPLERS for other in self._graph.upstream(node.id)[1:])
        ]
        if len(first) > 1:
            self._doubts.append(
                f"the samplers {', '.join(node.id for node in first)} are independent of each "
                "other: name the inputs that matter"
            )
        return first[0] if first else None

    def _keeps_size(self) -> bool:
        """Whether pictures go from the only sampler through a decoder straight to the outputs."""
        after = [
            node
            for node in self._used
            if node.id not in self._outputs
            and any(inner.kind in SAMPLERS for inner in self._graph.upstream(node.id)[1:])
        ]
        return len(self._samplers) == 1 and all(node.kind in _DECODERS for node in after)

    def _find_upscaler(self) -> None:
        """A graph that draws nothing may enlarge: by a model of its own, to a size or not."""
        for node in self._used:
            if node.kind == "UpscaleModelLoader":
                self._add(Role.MODEL, *_texts(node, "model_name"))
            if node.kind == "ImageScale":
                self._add(Role.WIDTH, *_values(node, ("width",), whole=True))
                self._add(Role.HEIGHT, *_values(node, ("height",), whole=True))

    def _task(self, base: Node | None) -> Task:
        if Role.MASK in self._found:
            return Task.INPAINT
        if Role.IMAGE not in self._found:
            return Task.TXT2IMG
        if base is None and Role.MODEL in self._found:
            return Task.UPSCALE
        before = self._graph.upstream(base.id) if base is not None else ()
        instructed = any(node.kind in _INSTRUCTED for node in before)
        return Task.EDIT if instructed else Task.IMG2IMG

    def _find_texts(self, base: Node) -> None:
        conditioned = self._conditioned(base)
        positive = self._encoder(conditioned, ("positive", "conditioning"))
        negative = self._encoder(conditioned, ("negative",))
        if positive is None:
            self._doubts.append("the prompt could not be followed from the sampler to one text")
        else:
            self._add(Role.PROMPT, *self._text_places(positive))
        if negative is not None and negative is not positive:
            self._add(Role.NEGATIVE_PROMPT, *self._text_places(negative))
        looked_at = tuple(self._looked_at(conditioned))
        if any(node.kind in _INSTRUCTED for node in looked_at):
            self._find_pictures(looked_at)

    def _conditioned(self, base: Node) -> Node:
        """The node that takes the conditioning: the sampler, or its guider."""
        return self._graph.source(base, "guider") or base

    def _encoder(self, start: Node, sides: tuple[str, ...]) -> Node | None:
        """The one node with a text that this side leads to; None for none and for several."""
        names = [name for name in sides if start.link(name) is not None]
        found = {node.id: node for name in names for node in self._encoders(start, name) if node.id}
        return next(iter(found.values())) if len(found) == 1 else None

    def _encoders(self, node: Node, name: str) -> Iterator[Node]:
        """Every node with a text behind an input, past the nodes that only change conditioning."""
        link = node.link(name)
        source = self._graph.source(node, name)
        if link is None or source is None or source.kind == "ConditioningZeroOut":
            return
        if any(text in source.inputs for text in _TEXTS):
            yield source
            return
        both = {"positive", "negative"} <= set(source.inputs)
        for inner in source.inputs:
            # A node that takes both sides gives both: its first output is the positive one.
            wanted = ("positive", "negative")[min(link.output, 1)] if both else inner
            if inner == wanted and inner.startswith(("conditioning", "positive", "negative")):
                yield from self._encoders(source, inner)

    def _text_places(self, encoder: Node) -> Iterator[Place]:
        """The encoder's texts, or where they are written when they are plugged in."""
        for name in _TEXTS:
            if isinstance(encoder.value(name), str):
                yield Place(node=encoder.id, input=name)
            source = self._graph.source(encoder, name)
            for literal in _LITERALS if source is not None else ():
                if source is not None and isinstance(source.value(literal), str):
                    yield Place(node=source.id, input=literal)

    def _looked_at(self, conditioned: Node) -> Iterator[Node]:
        """What the conditioning depends on, without what only loads models."""
        for name in ("positive", "conditioning"):
            link = conditioned.link(name)
            if link is not None:
                yield from self._graph.upstream(link.node)

    def _find_pictures(self, nodes: Iterable[Node]) -> None:
        """Loaded pictures that an edit works on, in the order in which they are plugged in."""
        for node in nodes:
            if node.kind == "LoadImage":
                self._add(Role.IMAGE, Place(node=node.id, input="image"))

    def _find_numbers(self, base: Node) -> None:
        before = self._graph.upstream(base.id)
        for sampler in self._samplers:
            for node in self._graph.upstream(sampler.id):
                self._add(Role.SEED, *_values(node, _SEEDS, whole=True))
        self._find_guidance(before)
        for node in [base, *(node for node in before if node is not base)]:
            self._add(Role.SAMPLER, *_texts(node, "sampler_name"))
            self._add(Role.SCHEDULER, *_texts(node, "scheduler"))
            if _is_whole_run(node):
                self._add(Role.STEPS, *_values(node, ("steps",), whole=True))
                self._add(Role.STRENGTH, *_values(node, ("denoise",)))

    def _find_guidance(self, before: tuple[Node, ...]) -> None:
        """FLUX is told its guidance as a number; beside that ``cfg`` stays as the graph has it."""
        told = [place for node in before for place in _values(node, ("guidance",))]
        usual = [place for node in before for place in _values(node, ("cfg",))]
        if told:
            self._add(Role.GUIDANCE_SCALE, *told)
        elif any(self._graph.value(place) != 1 for place in usual):
            self._add(Role.GUIDANCE_SCALE, *usual)
        if not self._found.get(Role.GUIDANCE_SCALE) or told:
            # Without guidance there is no second pass that a negative prompt could be in.
            self._found.pop(Role.NEGATIVE_PROMPT, None)

    def _find_latent(self, base: Node) -> None:
        for node in self._chain(base, "latent_image", _PIXELS):
            width, height = node.value("width"), node.value("height")
            if isinstance(width, int) and isinstance(height, int) and _is_size(node):
                self._add_size(base, width, height)
            self._add(Role.COUNT, *_values(node, ("batch_size",), whole=True))
            if node.kind == "LoadImage":
                self._add(Role.IMAGE, Place(node=node.id, input="image"))
            if node.link("mask") is not None:
                self._find_mask(node)

    def _add_size(self, base: Node, width: int, height: int) -> None:
        """The size, wherever nodes before the sampler repeat it."""
        for node in self._graph.upstream(base.id):
            if (node.value("width"), node.value("height")) == (width, height):
                self._add(Role.WIDTH, Place(node=node.id, input="width"))
                self._add(Role.HEIGHT, Place(node=node.id, input="height"))

    def _find_mask(self, node: Node) -> None:
        for inner in self._chain(node, "mask", _MASKS):
            if inner.kind in {"LoadImageMask", "LoadImage"}:
                self._add(Role.MASK, Place(node=inner.id, input="image"))

    def _chain(self, start: Node, name: str, names: tuple[str, ...]) -> Iterator[Node]:
        """From an input backwards, along the first of these inputs that each node has linked."""
        node = self._graph.source(start, name)
        for _ in self._graph.nodes:
            if node is None:
                return
            yield node
            linked = [inner for inner in names if node.link(inner) is not None]
            node = self._graph.source(node, linked[0]) if linked else None

    def _find_model(self, base: Node) -> None:
        """The file of the model, along ``model`` inputs; LoRAs and patches are passed by."""
        for node in self._chain(self._conditioned(base), "model", ("model",)):
            self._add(Role.MODEL, *_texts(node, *_LOADERS))

    def _add(self, role: Role, *places: Place) -> None:
        if places:
            self._found.setdefault(role, []).extend(places)


def lora_seat(graph: Graph, role_map: RoleMap) -> tuple[Link, Link] | None:
    """Where the model and its text encoder leave their loaders, for LoRAs to sit on.

    None where the graph does not show one of each.
    """
    loaders = {place.node for place in role_map.places(Role.MODEL)}
    encoders = {place.node for place in role_map.places(Role.PROMPT)}
    clips = {
        link
        for node in graph.upstream(*encoders)
        for name, link in node.links()
        if name == "clip" and graph.nodes[link.node].link("clip") is None
    }
    if len(loaders) != 1 or len(clips) != 1:
        return None
    return Link(node=next(iter(loaders)), output=0), next(iter(clips))


def _outputs(graph: Graph) -> tuple[str, ...]:
    """The nodes that keep the result; a preview counts only where nothing is saved."""
    for kind in _OUTPUTS:
        found = tuple(node.id for node in graph.nodes.values() if node.kind == kind)
        if found:
            return found
    return ()


def _values(node: Node, names: tuple[str, ...], *, whole: bool = False) -> list[Place]:
    kinds = int if whole else int | float
    return [
        Place(node=node.id, input=name)
        for name in names
        if isinstance(node.value(name), kinds) and not isinstance(node.value(name), bool)
    ]


def _texts(node: Node, *names: str) -> list[Place]:
    return [Place(node=node.id, input=name) for name in names if isinstance(node.value(name), str)]


def _is_size(node: Node) -> bool:
    """Whether its width and height make the picture: an empty latent, or a picture scaled."""
    return "batch_size" in node.inputs or "upscale_method" in node.inputs


def _is_whole_run(node: Node) -> bool:
    """Not one half of a run that two samplers share, whose steps only make sense together."""
    start, end, steps = (node.value(name) for name in ("start_at_step", "end_at_step", "steps"))
    if not isinstance(start, int) or not isinstance(end, int) or not isinstance(steps, int):
        return True
    return start == 0 and end >= steps
