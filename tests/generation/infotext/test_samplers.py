"""Sampler names of many tools."""

from __future__ import annotations

import pytest

from generation.infotext import read_sampler


@pytest.mark.parametrize(
    ("written", "schedule", "sampler", "wanted"),
    [
        ("DPM++ 2M Karras", None, "DPM++ 2M", "Karras"),
        ("DPM++ 2M", "Karras", "DPM++ 2M", "Karras"),
        ("DPM++ 2M Karras", "Automatic", "DPM++ 2M", "Karras"),
        ("Euler a Automatic", None, "Euler a", "Automatic"),
        ("Euler a", "Automatic", "Euler a", "Automatic"),
        ("Euler a", None, "Euler a", None),
        ("euler_ancestral", "normal", "Euler a", "Normal"),
        ("euler_ancestral_karras", None, "Euler a", "Karras"),
        ("dpmpp_2m", "karras", "DPM++ 2M", "Karras"),
        ("dpmpp_2m_karras", None, "DPM++ 2M", "Karras"),
        ("dpmpp_2m_sde_gpu", "sgm_uniform", "DPM++ 2M SDE", "SGM Uniform"),
        ("dpmpp_2m_sde_exponential", None, "DPM++ 2M SDE", "Exponential"),
        ("uni_pc_bh2", "simple", "UniPC", "Simple"),
        ("k_euler_a", None, "Euler a", None),
        ("sample_dpmpp_2m", None, "DPM++ 2M", None),
        ("dpm_2_ancestral", None, "DPM2 a", None),
        ("ddim", "ddim_uniform", "DDIM", "DDIM"),
        ("DPM++ SDE Karras", None, "DPM++ SDE", "Karras"),
        ("DPM++ 2S a Karras", None, "DPM++ 2S a", "Karras"),
        ("res_multistep", "bong_tangent", "res_multistep", "bong_tangent"),
        (" ", None, None, None),
        (None, "Karras", None, "Karras"),
        ("Karras", None, "Karras", None),
    ],
)
def test_a_name_is_known_however_it_is_spelled(
    written: str | None, schedule: str | None, sampler: str | None, wanted: str | None
) -> None:
    choice = read_sampler(written, schedule)
    assert (choice.sampler, choice.schedule) == (sampler, wanted)
