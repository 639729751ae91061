"""Reading a checkpoint without running what is in it."""

import io
import zipfile
from pathlib import Path
from typing import Any


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the contents of a checkpoint, provided that they are data and not code.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if they are not, or the file is damaged or not one of ours.
    """
    import torch  # noqa: PLC0415 - Hydra imports this package before torch is needed

    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # torch does not check its sums
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        checkpoint = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever damaged bytes make torch do; reading them is done above
        raise ValueError(
            f"{path} is damaged or holds code instead of weights, and was not loaded. Resume "
            "from a checkpoint that vae-lab wrote, or start a new run"
        ) from error
    if not isinstance(checkpoint, dict) or not {"epoch", "state_dict"} <= checkpoint.keys():
        raise ValueError(f"{path} is no checkpoint that vae-lab wrote")
    return checkpoint
