"""Seeds derived from where a run stands, instead of random states carried along.

Every batch draws from a random state that is a function of (seed, epoch, batch, process) alone.
A run can therefore go on at any batch and end with the same weights as one never interrupted.
"""

import numpy as np


def derived_seed(*position: int) -> int:
    """Return a 32-bit seed that is unrelated for neighbouring positions.

    Args:
        position: non-negative integers, such as (seed, epoch, batch, rank).
    """
    return int(np.random.SeedSequence(position).generate_state(1)[0])
