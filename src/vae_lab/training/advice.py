"""Advice of libraries that does not fit this program, and is not shown."""

import logging
import threading
import warnings

from vae_lab.runs.streams import warn_in_one_line

# Lightning's advice that does not fit, and a deprecation inside it: data lie in memory, checkpoints
# are replaced on purpose, and the module's hook precedes the data module's on purpose.
UNWANTED_WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "You have overridden `on_before_batch_transfer` in `LightningModule`",
    "The '.*_dataloader' does not have many workers",
    "Checkpoint directory .* exists and is not empty",
    "The number of training batches .* is smaller than the logging interval",
    "Total length of `list` across ranks is zero",
    "You defined a `validation_step` but have no `val_dataloader`",
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
    "Metric `Kernel Inception Distance` will save all extracted features",
)

TALKING = (
    "lightning.fabric.strategies.launchers",  # says which process has died
    "lightning.pytorch.profilers",  # prints what was asked for
)


def quieten() -> None:
    """Silence advice that does not fit this program; any other warning is one line."""
    warn_in_one_line()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in TALKING:
        logging.getLogger(name).setLevel(logging.INFO)
    for message in UNWANTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    threading.excepthook = _report_error_of_thread


def _report_error_of_thread(error: threading.ExceptHookArgs) -> None:
    """Report what ends a thread, but for two of libraries.

    What ends TensorBoard's writer, such as a full disk, is raised again where the run logs. And
    joblib's thread misses what it was to hand out where decoding pictures is interrupted.
    """
    of = type(error.thread).__module__
    is_interrupted = of.startswith("joblib.") and error.exc_type is KeyError
    if not (of.startswith("tensorboard.") or is_interrupted):
        threading.__excepthook__(error)
