"""Random states derived from where a run stands, instead of carried along.

Every batch draws from a random state that is a function of (seed, epoch, batch, process) alone.
A run can therefore go on at any batch and end with the same weights as one never interrupted.
"""

import hashlib

import torch


def derived_seed(*position: int) -> int:
    """Return a 32-bit seed that is unrelated for neighbouring positions.

    Args:
        position: integers, such as (seed, epoch, batch, rank).
    """
    digest = hashlib.blake2b(repr(tuple(map(int, position))).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def set_random_state(device: torch.device, seed: int) -> None:
    """Seed the generators that an operation on ``device`` draws from.

    ``torch.manual_seed`` does it for every device there might be, which takes 180 µs a call.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device.type).manual_seed(seed)
