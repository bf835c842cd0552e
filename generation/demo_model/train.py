"""The program that makes the demo model: ``python -m generation.demo_model.train all --out DIR``.

Every stage goes on from what it finds in ``--out`` and can be killed at any time. ``all`` runs
the stages in order: vae, grow, text, denoiser, lora, evaluate, sheet, export.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPTextModel, CLIPTokenizer

from generation.demo_model import LORAS, MODEL_DIR
from generation.demo_model.architecture import new_denoiser
from generation.demo_model.behaviour import measure
from generation.demo_model.checkpoints import load_state
from generation.demo_model.denoiser import Plan, Trainer, train_denoiser
from generation.demo_model.evaluate import Settings, draw, judge, sheet
from generation.demo_model.latents import renderers
from generation.demo_model.lora import train_neon
from generation.demo_model.pipeline import assemble, load, save
from generation.demo_model.questions import exam, practice
from generation.demo_model.text import new_tokenizer, train_text_encoder
from generation.demo_model.vae import grow_autoencoder, train_autoencoder

log = logging.getLogger(__name__)

_CARD = Path(__file__).with_name("README.md")
_FIGURES_BEGIN, _FIGURES_END = "<!-- figures -->", "<!-- end of figures -->"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the stage that the command line names."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    options.device = torch.device(
        options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    )
    if options.workers is None:
        options.workers = (os.cpu_count() or 1) if options.device.type == "cuda" else 0
    stages = list(_STAGES) if options.stage == "all" else [options.stage]
    for stage in stages:
        began = time.monotonic()
        _STAGES[stage](options)
        log.info("stage=%s done s=%.0f", stage, time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m generation.demo_model.train")
    parser.add_argument("stage", choices=("all", *_STAGES))
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and results")
    parser.add_argument("--samples", type=int, default=1_000_000, help="pictures shown to the UNet")
    parser.add_argument("--first-lesson", type=float, default=0.08, help="share of close-ups")
    parser.add_argument("--second-lesson", type=float, default=0.08, help="share at one size")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--cached", type=int, default=12_000, help="latents made before training")
    parser.add_argument("--vae-steps", type=int, default=2600)
    parser.add_argument("--grow-steps", type=int, default=600)
    parser.add_argument("--text-steps", type=int, default=2400)
    parser.add_argument("--lora-steps", type=int, default=200)
    parser.add_argument("--device", help="cpu or cuda; without it, what the machine has")
    parser.add_argument("--workers", type=int, help="rendering processes; 0 renders in this one")
    parser.add_argument("--practice", action="store_true", help="judge by the practice prompts")
    return parser


def _vae(options: argparse.Namespace) -> None:
    if not (options.out / "vae" / "config.json").exists():
        vae = train_autoencoder(options.out, steps=options.vae_steps, device=options.device)
        vae.save_pretrained(options.out / "vae")


def _grow(options: argparse.Namespace) -> None:
    if not (options.out / "grown" / "config.json").exists():
        small = AutoencoderKL.from_pretrained(options.out / "vae")
        vae = grow_autoencoder(small, options.out, steps=options.grow_steps, device=options.device)
        vae.save_pretrained(options.out / "grown")


def _text(options: argparse.Namespace) -> None:
    if (options.out / "text_encoder" / "config.json").exists():
        return
    if not (options.out / "tokenizer").exists():
        new_tokenizer().save_pretrained(options.out / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(options.out / "tokenizer")
    encoder = train_text_encoder(
        options.out, tokenizer, steps=options.text_steps, device=options.device
    )
    encoder.save_pretrained(options.out / "text_encoder")


def _denoiser(options: argparse.Namespace) -> None:
    plan = Plan(
        samples=options.samples,
        batch=options.batch,
        first_lesson=options.first_lesson,
        second_lesson=options.second_lesson,
        cached=options.cached,
    )
    torch.manual_seed(0)
    with renderers(options.workers) as pool:
        trainer = Trainer(
            plan,
            vae=AutoencoderKL.from_pretrained(options.out / "vae"),
            text_encoder=CLIPTextModel.from_pretrained(options.out / "text_encoder"),
            tokenizer=CLIPTokenizer.from_pretrained(options.out / "tokenizer"),
            device=options.device,
            pool=pool,
        )
        train_denoiser(trainer, options.out)
    save(_from_parts(options), options.out / "base")


def _lora(options: argparse.Namespace) -> None:
    file = options.out / "neon.safetensors"
    if not file.exists():
        train_neon(_from_parts(options), file, steps=options.lora_steps)


def _evaluate(options: argparse.Namespace) -> None:
    pipeline = load(options.out / "base", options.device)
    questions = practice() if options.practice else exam()
    name = "practice" if options.practice else "exam"
    pictures = list(draw(pipeline, questions, Settings()))
    scores = judge(pictures)
    report = {k: f"{s.right}/{s.asked} = {s.share:.3f}" for k, s in scores.items()}
    if not options.practice:
        report |= measure(pipeline, Settings())
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (options.out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    sheet([image for _, image in pictures], columns=16).save(options.out / f"{name}.png")
    sys.stdout.write(text + "\n")


def _sheet(options: argparse.Namespace) -> None:
    pictures = draw(load(options.out / "base", options.device), practice(), Settings())
    sheet([image for _, image in pictures]).save(options.out / "sheet.png")


def _export(options: argparse.Namespace) -> None:
    save(load(options.out / "base"), MODEL_DIR)
    for place in LORAS.values():
        if (options.out / place.name).exists():
            shutil.copyfile(options.out / place.name, place)
    exam_report = options.out / "exam.json"
    if exam_report.exists():
        _write_figures(json.loads(exam_report.read_text(encoding="utf-8")))


def _write_figures(report: Mapping[str, str]) -> None:
    """Puts the figures of the last evaluation between the model card's two marks."""
    rows = "".join(f"| {name.replace('_', ' ')} | {value} |\n" for name, value in report.items())
    before, _, rest = _CARD.read_text(encoding="utf-8").partition(_FIGURES_BEGIN)
    _, _, after = rest.partition(_FIGURES_END)
    table = f"{_FIGURES_BEGIN}\n\n| what | right |\n|---|---|\n{rows}\n{_FIGURES_END}"
    _CARD.write_text(before + table + after, encoding="utf-8")


def _from_parts(options: argparse.Namespace) -> StableDiffusionPipeline:
    """The pipeline of the latest checkpoint's averaged weights."""
    state = load_state(options.out / "unet.pt")
    if state is None:
        message = f"There is no {options.out / 'unet.pt'}: run the denoiser stage first."
        raise SystemExit(message)
    average = state["average"]
    unet = new_denoiser()
    if isinstance(average, dict):
        unet.load_state_dict(average["weights"])
    return assemble(
        vae=AutoencoderKL.from_pretrained(options.out / "grown"),
        text_encoder=CLIPTextModel.from_pretrained(options.out / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(options.out / "tokenizer"),
        unet=unet.eval(),
    ).to(options.device)


_STAGES: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "vae": _vae,
    "grow": _grow,
    "text": _text,
    "denoiser": _denoiser,
    "lora": _lora,
    "evaluate": _evaluate,
    "sheet": _sheet,
    "export": _export,
}

if __name__ == "__main__":
    main()
