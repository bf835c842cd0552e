"""Training goes on where it was stopped, and its parts keep what they promise."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from generation.demo_model.architecture import grown, new_autoencoder, new_text_encoder
from generation.demo_model.checkpoints import MovingAverage, load_state, save_state
from generation.demo_model.denoiser import (
    FIRST_LESSON,
    SECOND_LESSON,
    THIRD_LESSON,
    Plan,
    Trainer,
    emphasis,
    focused,
    train_denoiser,
    visibility,
)
from generation.demo_model.domain import CLOSE_UPS, draw_lots
from generation.demo_model.latents import LatentStore
from generation.demo_model.optimizer import MixedOptimizer, orthogonalised
from generation.demo_model.render import render
from generation.demo_model.tokenizer import learn_tokenizer
from generation.demo_model.vae import as_tensor, whiten


def _tiny_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=8,
        use_linear_projection=True,
    )


def _trainer(samples: int) -> Trainer:
    torch.manual_seed(0)
    plan = Plan(samples=samples, batch=4, cached=4, fresh=1)
    return Trainer(
        plan,
        vae=new_autoencoder(),
        text_encoder=new_text_encoder(),
        tokenizer=learn_tokenizer(["a red circle", "a blue star"]),
        device=torch.device("cpu"),
        unet=_tiny_unet(),
    )


def test_training_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    first = _trainer(samples=12)
    for _ in range(2):
        first.step()
    save_state(tmp_path / "unet.pt", first.state_dict())

    second = _trainer(samples=12)
    state = load_state(tmp_path / "unet.pt")
    assert state is not None
    second.load_state_dict(state)
    assert second.seen == first.seen == 8
    for name, value in first.unet.state_dict().items():
        assert torch.equal(second.unet.state_dict()[name], value)
    for name, value in first.average.weights.items():
        assert torch.equal(second.average.weights[name], value)

    train_denoiser(second, tmp_path)
    assert second.seen == 12
    resumed = load_state(tmp_path / "unet.pt")
    assert resumed is not None
    assert resumed["seen"] == 12


def test_training_lowers_the_error() -> None:
    trainer = _trainer(samples=4000)
    errors = [float(trainer.step().nanmean()) for _ in range(160)]
    assert np.mean(errors[-40:]) < np.mean(errors[:20]) * 0.85


def test_one_step_moves_every_weight_of_the_denoiser() -> None:
    trainer = _trainer(samples=400)
    before = {name: value.clone() for name, value in trainer.unet.named_parameters()}
    for _ in range(2):
        trainer.step()
    still = [n for n, value in trainer.unet.named_parameters() if torch.equal(value, before[n])]
    assert len(before) > 100
    assert still == []


def test_a_torn_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"seen": 1})
    path.with_suffix(".partial").write_bytes(b"half a file")
    assert load_state(path) == {"seen": 1}


def test_no_checkpoint_is_not_an_error(tmp_path: Path) -> None:
    assert load_state(tmp_path / "none.pt") is None


def test_lessons_go_from_single_shapes_to_everything() -> None:
    plan = Plan(samples=1000, first_lesson=0.3, second_lesson=0.2)
    assert plan.lesson(0) is FIRST_LESSON
    assert plan.lesson(300) is SECOND_LESSON
    assert plan.lesson(500) is THIRD_LESSON
    assert len(THIRD_LESSON.sizes) > len(SECOND_LESSON.sizes)


def test_emphasis_weighs_the_shape_over_the_ground_and_keeps_the_mean() -> None:
    latents = torch.zeros(2, 4, 8, 8)
    latents[:, 1, 3:5, 3:5] = 2.0
    weights = emphasis(latents)
    assert torch.allclose(weights.mean(dim=(1, 2, 3)), torch.ones(2))
    assert float(weights[0, 0, 3, 3]) == pytest.approx(3 * float(weights[0, 0, 0, 0]))


def test_focus_keeps_the_ends_and_the_order_of_the_noise_range() -> None:
    spread = focused(torch.linspace(0, 1, 101))
    assert float(spread[0]) == 0
    assert float(spread[-1]) == pytest.approx(1)
    assert bool((spread.diff() > 0).all())


def test_the_learning_rate_warms_holds_and_cools() -> None:
    plan = Plan(samples=100_000, cooling=0.2)
    assert plan.rate(0) < 0.05
    assert plan.rate(50_000) == 1.0
    assert plan.rate(99_900) < 0.05


def test_the_average_follows_the_weights() -> None:
    module = torch.nn.Linear(2, 2)
    average = MovingAverage(module, decay=0.5)
    with torch.no_grad():
        module.weight.fill_(1.0)
    for _ in range(40):
        average.update(module)
    assert torch.allclose(average.weights["weight"], torch.ones(2, 2), atol=1e-3)


def test_orthogonalised_matrices_have_even_singular_values() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(2, 32, 96)))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.4


def test_the_optimiser_solves_a_linear_task() -> None:
    torch.manual_seed(0)
    module = torch.nn.Linear(32, 32)
    optimizer = MixedOptimizer(module)
    x = torch.randn(256, 32)
    wanted = x @ torch.randn(32, 32) * 0.1
    before = torch.nn.functional.mse_loss(module(x), wanted)
    for _ in range(1500):
        torch.autograd.backward(torch.nn.functional.mse_loss(module(x), wanted))
        optimizer.step(rate=1.0)
    assert torch.nn.functional.mse_loss(module(x), wanted) < before * 0.2


def test_an_untrained_autoencoder_already_keeps_colours() -> None:
    rng = Random(0)
    batch = as_tensor(np.stack([np.array(render(draw_lots(rng), rng)) for _ in range(4)]))
    with torch.no_grad():
        vae = new_autoencoder()
        decoded = vae.decode(vae.encode(batch).latent_dist.mean).sample
    assert float((decoded - batch).abs().mean()) < 0.1


def test_whitening_evens_latents_and_leaves_pictures_alone() -> None:
    rng = Random(0)
    batch = as_tensor(np.stack([np.array(render(draw_lots(rng), rng)) for _ in range(4)]))
    torch.manual_seed(0)
    vae = new_autoencoder()
    with torch.no_grad():
        before = vae.decode(vae.encode(batch).latent_dist.mean).sample
        whiten(vae, torch.device("cpu"), pictures=32)
        latents = vae.encode(batch).latent_dist.mean
        after = vae.decode(latents).sample
    assert 0.5 < float(latents.std()) < 1.5
    assert torch.allclose(before, after, atol=1e-3)


def test_a_grown_autoencoder_has_the_same_latents_for_larger_pictures() -> None:
    rng = Random(1)
    batch = as_tensor(np.stack([np.array(render(draw_lots(rng), rng)) for _ in range(2)]))
    torch.manual_seed(0)
    small = new_autoencoder()
    with torch.no_grad():
        vae = grown(small)
        halved = torch.nn.functional.avg_pool2d(batch, 2)
        wanted = small.encode(halved).latent_dist.mean
        assert torch.allclose(vae.encode(batch).latent_dist.mean, wanted, atol=0.1)
        assert vae.decode(wanted).sample.shape == batch.shape


def test_a_store_forgets_the_oldest_pictures_first() -> None:
    store = LatentStore(vae=new_autoencoder(), size=(64, 64), capacity=6, seed="t")
    store.add(4, CLOSE_UPS)
    assert len(store) == 4
    store.add(4, CLOSE_UPS)
    assert len(store) == 6
    pictures, latents = store.sample(Random(0), 5)
    assert len(pictures) == 5
    assert tuple(latents.shape) == (5, 4, 8, 8)


def test_a_store_draws_the_same_pictures_for_the_same_seed() -> None:
    vae = new_autoencoder()
    stores = [LatentStore(vae=vae, size=(64, 64), capacity=4, seed="t") for _ in range(2)]
    for store in stores:
        store.add(4, CLOSE_UPS)
    first, second = (store.sample(Random(0), 4) for store in stores)
    assert first[0] == second[0]
    assert torch.equal(first[1], second[1])


def test_a_foreign_checkpoint_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match="retrain"):
        _trainer(samples=4).load_state_dict(
            {"unet": 1, "optimizer": 2, "average": 3, "seen": 4},
        )


def test_a_prompt_may_mislead_only_where_the_picture_can_still_be_seen() -> None:
    shares = visibility(torch.tensor([0.0, 0.26, 0.31, 0.36, 1.0]))
    torch.testing.assert_close(shares, torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0]))
