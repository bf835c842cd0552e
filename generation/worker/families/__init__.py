"""The families of image models that the worker can run, found by their pipeline's class name."""

from __future__ import annotations

from generation.errors import Unavailable
from generation.worker.families.base import Family, ModelFiles, Traits
from generation.worker.families.chroma import CHROMA
from generation.worker.families.flux import FLUX, FLUX_FILL, FLUX_KONTEXT
from generation.worker.families.flux2 import FLUX2, FLUX2_KLEIN
from generation.worker.families.hidream import HIDREAM
from generation.worker.families.instruct_pix2pix import INSTRUCT_PIX2PIX
from generation.worker.families.kandinsky5 import KANDINSKY5
from generation.worker.families.lumina2 import LUMINA2
from generation.worker.families.pixart import PIXART_ALPHA, PIXART_SIGMA
from generation.worker.families.qwen_image import QWEN_IMAGE
from generation.worker.families.qwen_image_edit import QWEN_IMAGE_EDIT, QWEN_IMAGE_EDIT_PLUS
from generation.worker.families.sana import SANA
from generation.worker.families.saved_samplers import with_saved_choice
from generation.worker.families.stable_diffusion import STABLE_DIFFUSION
from generation.worker.families.stable_diffusion_3 import STABLE_DIFFUSION_3
from generation.worker.families.stable_diffusion_xl import STABLE_DIFFUSION_XL
from generation.worker.families.z_image import Z_IMAGE

FAMILIES: tuple[Family, ...] = (
    STABLE_DIFFUSION,
    STABLE_DIFFUSION_XL,
    STABLE_DIFFUSION_3,
    INSTRUCT_PIX2PIX,
    FLUX,
    FLUX_KONTEXT,
    FLUX_FILL,
    FLUX2,
    FLUX2_KLEIN,
    CHROMA,
    QWEN_IMAGE,
    QWEN_IMAGE_EDIT,
    QWEN_IMAGE_EDIT_PLUS,
    Z_IMAGE,
    LUMINA2,
    SANA,
    PIXART_SIGMA,
    PIXART_ALPHA,
    HIDREAM,
    KANDINSKY5,
)


def find_family(class_name: str) -> Family:
    """The family whose pipelines bear that name. Raises ``Unavailable`` with those there are."""
    for family in FAMILIES:
        if class_name in family.pipelines.values() or class_name in family.also:
            return family
    known = ", ".join(family.title for family in FAMILIES)
    raise Unavailable(detail=f"{class_name} belongs to no known family; known are: {known}")


def read_traits(files: ModelFiles) -> Traits:
    """What a model can do and is best at. Raises ``Unavailable`` for one that cannot be run."""
    return with_saved_choice(find_family(files.class_name).traits(files), files)
