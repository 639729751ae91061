"""AdamNormGrad, which knows the direction of a gradient and not its length; SOAP as it comes."""

import pytest
import torch
from torch.optim import Adam

from vae_lab.training.optimizers import AdamNormGrad, soap

SETTINGS = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-8}


def parameters_like(gradients):
    """Return parameters, the same at every call, one for each gradient."""
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(gradient.shape, dtype=gradient.dtype, generator=generator).requires_grad_()
        for gradient in gradients
    ]


def gradients_of_steps():
    """Return gradients of two parameters at three steps, of different lengths, all above 10."""
    torch.manual_seed(0)
    return [
        [length * torch.randn(3, 2).double(), 0.5 * length * torch.randn(4).double()]
        for length in (100.0, 30_000.0, 2_000.0)
    ]


def after_steps(optimizer, parameters, steps):
    for gradients in steps:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("fused", [False, True])
def test_steps_are_those_of_adam_on_gradients_of_length_one(fused):
    steps = gradients_of_steps()
    # 1e-7 beside the length, as in the code of the paper, keeps a zero gradient zero
    unit = [[gradient / (gradient.norm() + 1e-7) for gradient in step] for step in steps]
    ours, theirs = parameters_like(steps[0]), parameters_like(steps[0])
    moved = after_steps(AdamNormGrad(ours, **SETTINGS, fused=fused), ours, steps)
    expected = after_steps(Adam(theirs, **SETTINGS, fused=fused), theirs, unit)
    torch.testing.assert_close(moved, expected)


def test_the_length_of_a_gradient_does_not_matter():
    steps = gradients_of_steps()
    longer = [[7.0 * step[0], 300.0 * step[1]] for step in steps]
    results = []
    for each in (steps, longer):
        parameters = parameters_like(each[0])
        results.append(after_steps(AdamNormGrad(parameters, **SETTINGS), parameters, each))
    torch.testing.assert_close(*results)


def test_a_parameter_without_a_gradient_stays_and_a_zero_gradient_is_no_division_by_zero():
    still, zero = parameters_like([torch.zeros(2), torch.zeros(3)])
    before = still.detach().clone(), zero.detach().clone()
    zero.grad = torch.zeros(3)
    AdamNormGrad([still, zero], **SETTINGS).step()
    torch.testing.assert_close((still.detach(), zero.detach()), before, rtol=0, atol=0)


def test_a_closure_is_evaluated_once_with_gradients_and_its_loss_returned():
    parameter = torch.tensor([3.0, 4.0], requires_grad=True)
    optimizer, calls = AdamNormGrad([parameter], **SETTINGS), []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 25.0
    assert len(calls) == 1
    torch.testing.assert_close(parameter.grad, torch.tensor([0.6, 0.8]))


OPTIONS = {"lr": 0.1, "weight_decay": 0.01, "precondition_frequency": 2, "max_precondition_dim": 2}


def test_soap_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    pytest.importorskip("pytorch_optimizer")
    torch.manual_seed(0)
    steps = [[torch.randn(3, 2), torch.randn(4)] for _ in range(8)]
    build = soap(**OPTIONS)
    straight = parameters_like(steps[0])
    expected = after_steps(build(straight), straight, steps)
    parameters = parameters_like(steps[0])
    optimizer = build(parameters)
    after_steps(optimizer, parameters, steps[:5])
    torch.save(optimizer.state_dict(), tmp_path / "state.ckpt")
    resumed = build(parameters)
    resumed.load_state_dict(torch.load(tmp_path / "state.ckpt", weights_only=True))
    found = after_steps(resumed, parameters, steps[5:])
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_the_library_of_soap_knows_every_option_by_our_name():
    pytest.importorskip("pytorch_optimizer")
    group = soap(**OPTIONS)(parameters_like([torch.zeros(3, 2)])).param_groups[0]
    assert {name: group[name] for name in OPTIONS} == OPTIONS
