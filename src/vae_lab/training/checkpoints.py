"""Checkpoint files: written whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from vae_lab.files import write_atomically


class AtomicCheckpoints(TorchCheckpointIO):
    """Replaces a checkpoint only once the new one lies on the disk."""

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401
    ) -> None:
        """Write ``checkpoint`` to ``path``.

        Raises:
            OSError: if it cannot be written, as on a full disk; what lay at ``path`` is intact.
        """
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_atomically(Path(path), buffer.getvalue())
