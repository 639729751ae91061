"""What a run offers to the explorer."""

import base64
import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from explorable_runs import SMALL, write_run

from vae_lab.data.binarization import to_float
from vae_lab.evaluation.information import rate_per_dim
from vae_lab.explorer import explored
from vae_lab.explorer.explored import DIGITS, ExploredRun, describe_classes, open_runs

SEVEN = 0  # the first test image


def pixels_of(run, digit=SEVEN):
    return run.originals[digit].numpy().tobytes()


def axis_of(description, latent):
    return next(axis for axis in description["axes"] if axis["latent"] == latent)


def test_two_latents_are_their_own_plane(run_of):
    axes = run_of("latent_dim=2").describe()["axes"]
    assert [axis["name"] for axis in axes] == ["z₁", "z₂"]
    assert [axis["direction"] for axis in axes] == [[1, 0], [0, 1]]
    assert [axis["offset"] for axis in axes] == [0, 0]


def test_more_latents_begin_with_principal_components(run_of):
    run = run_of("latent_dim=5")
    description = run.describe()
    axes = description["axes"]
    assert [axis["latent"] for axis in axes] == [None, None, *description["order"]]
    directions = torch.tensor([axis["direction"] for axis in axes[:2]])
    torch.testing.assert_close(directions @ directions.T, torch.eye(2))
    offsets = torch.tensor([axis["offset"] for axis in axes[:2]])
    places = run.means @ directions.T - offsets
    torch.testing.assert_close(places.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    largest = torch.linalg.eigvalsh(run.means.T.cov())[-2:].flip(0)
    torch.testing.assert_close(places.T.cov().diag(), largest)


def test_one_latent_has_one_axis(run_of):
    assert [axis["name"] for axis in run_of("latent_dim=1").describe()["axes"]] == ["z₁"]


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_every_plane_is_a_square_with_nearly_all_digits_and_most_of_the_prior(run_of, dimensions):
    run = run_of(f"latent_dim={dimensions}")
    axes = run.describe()["axes"]
    lengths = {round(axis["range"][1] - axis["range"][0], 4) for axis in axes}
    assert len(lengths) == 1
    for axis in axes:
        low, high = axis["range"]
        assert low <= -3
        assert high >= 3
        places = run.means @ torch.tensor(axis["direction"]) - axis["offset"]
        assert ((places >= low) & (places <= high)).float().mean() > 0.99


def test_latents_are_ordered_by_kl_and_a_dead_one_is_the_last_and_inactive(tmp_path, mnist_root):
    folder = write_run(tmp_path / "run", mnist_root, *SMALL, "latent_dim=5")
    path = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path)
    *_, weight, bias = (v for k, v in checkpoint["state_dict"].items() if "encoder" in k)
    for parameter in (weight, bias):
        parameter[[3, 8]] = 0  # mean and log scale of the fourth latent
    torch.save(checkpoint, path)

    description = ExploredRun(folder).describe()
    assert description["importance_unit"] == "nats"
    kl = torch.tensor(description["importance"])
    assert description["order"] == kl.argsort(descending=True).tolist()
    assert description["order"][-1] == 3
    assert kl[3] == 0
    assert description["active"][3] is False


def test_importance_is_the_rate_of_the_images_shown(run_of):
    run = run_of("latent_dim=5")
    images = to_float(run.originals)  # grey: near the binary ones that were shown
    expected = torch.tensor(rate_per_dim(run.model, images))
    torch.testing.assert_close(
        torch.tensor(run.describe()["importance"]), expected, rtol=0.2, atol=0.01
    )


def test_without_a_closed_form_importance_is_the_variance_of_the_means(run_of):
    run = run_of("latent_dim=4", "posterior=iaf")
    description = run.describe()
    assert description["importance_unit"] == "variance"
    torch.testing.assert_close(torch.tensor(description["importance"]), run.means.var(0))


def test_decoding_gives_the_models_images_as_bytes(run_of):
    run = run_of("latent_dim=2")
    z = torch.randn(3, 2)
    with torch.no_grad():
        expected = run.model.decode(z).mean
    images = run.decode(z)
    assert images.dtype == torch.uint8
    assert (images.float() / 255 - expected).abs().max() <= 0.5 / 255 + 1e-6


def drawing():
    """An image that is none of the test images."""
    return (128 * torch.eye(28, dtype=torch.uint8))[None, None]


def test_encoding_gives_the_models_posterior_and_bound(run_of):
    run = run_of("latent_dim=2")
    x = (drawing() > 127).float()
    with torch.no_grad():
        q = run.model.encode(x)
        draw = run.model.draw(x, 4000)
    found = run.encode(drawing().numpy().tobytes())
    torch.testing.assert_close(torch.tensor(found["mean"]), q.mean[0])
    torch.testing.assert_close(
        torch.tensor(found["covariance"]).reshape(2, 2), q.variance[0].diag()
    )
    image = base64.b64decode(found["image"])
    assert image == run.decode(q.mean).numpy().tobytes()
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"], abs=1e-3)
    assert found["kl"] == pytest.approx(draw.kl.item(), rel=1e-4)
    error = 4 * draw.log_px.std().item() / 64**0.5
    assert found["reconstruction"] == pytest.approx(draw.log_px.mean().item(), abs=error)


@pytest.mark.parametrize(
    "pixels",
    [
        ("data.binarization=static",),
        ("data.binarization=none",),
        ("data.binarization=none", "likelihood=normal"),
    ],
)
def test_a_test_image_lies_on_its_dot_and_the_others_nearest_to_it_are_named(run_of, pixels):
    run = run_of("latent_dim=5", *pixels)
    found = run.encode(pixels_of(run, 3))
    torch.testing.assert_close(torch.tensor(found["mean"]), run.means[3])
    distance = (run.means - run.means[3]).norm(dim=1)
    assert found["neighbours"] == distance.argsort()[1:9].tolist()
    images = base64.b64decode(found["neighbour_images"])
    assert images == run.originals[found["neighbours"]].numpy().tobytes()


def test_the_same_drawing_has_the_same_bound_and_leaves_random_numbers_alone(run_of):
    run = run_of("latent_dim=2")
    state = torch.get_rng_state()
    assert run.encode(pixels_of(run)) == run.encode(pixels_of(run))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_covariance_of_a_flow_is_that_of_its_samples(run_of):
    run = run_of("latent_dim=4", "posterior=iaf")
    with torch.no_grad():
        z = run.model.draw((run.originals[:1] > 127).float(), 4000).z[:, 0]
    found = torch.tensor(run.encode(pixels_of(run))["covariance"]).reshape(4, 4)
    assert torch.equal(found, found.T)
    torch.testing.assert_close(found.diag(), z.var(0), rtol=0.6, atol=0)


def test_an_autoencoder_has_neither_bound_nor_covariance(run_of):
    run = run_of("latent_dim=2", "objective=autoencoder")
    description = run.describe()
    assert (description["kind"], description["elbo"]) == ("autoencoder", None)
    assert description["importance_unit"] == "variance"
    found = run.encode(pixels_of(run))
    assert found["covariance"] is found["elbo"] is found["kl"] is None
    assert len(found["mean"]) == 2


def test_grey_pixels_stay_grey_and_their_bound_has_its_own_name(run_of):
    run = run_of("latent_dim=2", "data.binarization=none")
    assert run.describe()["elbo"] == "ELBO (BCE)"
    with torch.no_grad():
        expected = run.model.encode(to_float(run.originals[:1])).mean[0]
    torch.testing.assert_close(torch.tensor(run.encode(pixels_of(run))["mean"]), expected)


def test_the_digits_shown_are_the_first_test_images(run_of):
    run = run_of("latent_dim=2")
    assert len(run.means) == len(run.labels) == len(run.originals) == DIGITS
    assert run.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_classes_have_their_names_unless_runs_call_them_differently(run_of):
    digits, others = copy.copy(run_of("latent_dim=2")), copy.copy(run_of("latent_dim=2"))
    assert describe_classes([digits])["classes"] == list("0123456789")
    others.class_names = [f"class {number}" for number in range(12)]
    described = describe_classes([others])
    assert described["classes"] == others.class_names
    assert described["colors"][10:] == described["colors"][:2]
    assert describe_classes([digits, others])["classes"] == [str(number) for number in range(12)]


def test_a_ladder_is_refused(tmp_path, mnist_root):
    folder = write_run(tmp_path / "run", mnist_root, "model=ladder")
    with pytest.raises(ValueError, match="LadderVAE with several groups of latents; the explorer"):
        ExploredRun(folder)


def test_weights_that_are_no_numbers_are_refused(tmp_path, mnist_root):
    folder = write_run(tmp_path / "run", mnist_root, *SMALL, "latent_dim=2")
    path = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path)
    for value in checkpoint["state_dict"].values():
        value.fill_(torch.nan)
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match="returns numbers that are not finite"):
        ExploredRun(folder)


def test_more_than_four_runs_are_refused_before_any_is_opened():
    with pytest.raises(ValueError, match="at most 4 runs fit side by side, got 5"):
        open_runs([Path("nowhere")] * 5)


def test_images_of_different_shapes_are_not_shown_side_by_side(run_of, monkeypatch):
    small, large = (copy.copy(run_of("latent_dim=2")) for _ in range(2))
    large.model = SimpleNamespace(image_shape=(3, 32, 32))
    opened = iter([small, large])
    monkeypatch.setattr(explored, "ExploredRun", lambda *_: next(opened))
    monkeypatch.setattr(explored, "the_run", Path)
    with pytest.raises(ValueError, match=r"these take \(1, 28, 28\) and \(3, 32, 32\)"):
        open_runs([Path("one"), Path("other")])
