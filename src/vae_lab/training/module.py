"""The LightningModule: steps, metrics, optimiser."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.trainer.call import _call_callback_hooks
from lightning.pytorch.utilities import rank_zero_warn
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from vae_lab.data import Batch, Split
from vae_lab.evaluation.labels import likelihoods
from vae_lab.evaluation.metrics import metric, with_suffix
from vae_lab.model.contract import Model
from vae_lab.model.likelihoods import Pixels
from vae_lab.objectives import Bound, Objective
from vae_lab.objectives.bound import Scheduled
from vae_lab.objectives.schedules import Constant, Schedule
from vae_lab.seeding import derived_seed, set_random_state
from vae_lab.training.callbacks.averaged_weights import AveragedWeights
from vae_lab.training.execution import Execution, Stepping
from vae_lab.training.lightning_speed import UncheckedHookName, forget_nvml

SPLIT_SEEDS: dict[Split, int] = {"train": 0, "val": 1, "test": 2}


class VAEModule(UncheckedHookName, pl.LightningModule):
    """Trains a model on an objective.

    One code path scores every split, with the same objective weights. Metrics are ``split/name``:
    ``bound``, ``loss``, ``elbo``, ``reconstruction``, ``kl``, the scheduled numbers such as
    ``beta``, and ``test/nll``. ``train/…`` are means over the steps since they were last logged.

    Args:
        model: the VAE.
        objective: what is maximised.
        optimizer: parameters → optimiser.
        schedule: epoch → factor of the learning rate.
        pixels: what the batches hold.
        nll_samples: K, importance samples per test image for ``test/nll``.
        compile_model: whether ``torch.compile`` fuses the model's forward pass and the objective.
        seed: of every random number drawn while training and scoring.
        stepping: how the optimiser takes its steps.

    Attributes:
        execution: the call of ``training_step`` in progress, while training.
        images_trained: how many images this process has trained on.

    Raises:
        ValueError: if ``nll_samples`` is less than 1.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        schedule: Schedule,
        pixels: Pixels,
        nll_samples: int,
        compile_model: bool,
        seed: int,
        stepping: Stepping,
    ) -> None:
        super().__init__()
        if nll_samples < 1:
            raise ValueError(f"evaluation.num_samples must be at least 1, got {nll_samples}")
        self.model = model
        self.objective = objective
        self.optimizer = optimizer
        self.schedule = schedule
        self.pixels: Pixels = pixels
        self.nll_samples = nll_samples
        self.seed = seed
        self.stepping = stepping
        self.images_trained = 0
        self.automatic_optimization = False
        self.compiles = compile_model
        self._score = torch.compile(self._ask) if compile_model else self._ask
        self._sums: Tensor | float = 0.0  # of the training terms since they were last logged
        self._count = 0
        self.validated_at = -1.0  # the epoch that the objective was told at the last validation
        caveat = model.likelihood.caveat(pixels)
        for warning in filter(None, (caveat, objective.caveat(model))):
            rank_zero_warn(warning)
        self._is_likelihood = caveat is None
        self._suffixes = model.suffixes(pixels)

    def metric_name(self, name: str) -> str:
        """Return the name under which ``elbo`` and the like are reported for this data.

        Raises:
            ValueError: if there is no such metric.
        """
        return with_suffix(name, *self._suffixes)

    @property
    def estimates_nll(self) -> bool:
        """Whether testing estimates log p(x), with ``nll_samples`` samples for each image."""
        has_samples = self.model.posterior.has_full_support
        return self._is_likelihood and has_samples and self.objective.compared_by == "elbo"

    @property
    def epoch(self) -> float:
        """Epochs done at the start of the training step in progress, or of the last one."""
        done = self.trainer.global_step
        return (done if self.trainer.training else max(done - 1, 0)) / self._steps_per_epoch

    @property
    def _steps_per_epoch(self) -> float:
        steps = self.trainer.num_training_batches / self.stepping.accumulate_grad_batches
        return math.ceil(steps) if math.isfinite(steps) else steps  # infinite before fitting

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Fix the random numbers of this training batch, its binarisation included."""
        if self.trainer.training:
            batches = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
            self._set_seed("train", self.current_epoch, batches)
        return batch

    def setup(self, stage: str) -> None:
        """Find out who waits for what, before a callback tries a few steps."""
        if stage != "fit":
            return
        self.execution = Execution(self.trainer, self.stepping)
        callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        self._averages = [c for c in callbacks if isinstance(c, AveragedWeights)]

    def on_train_start(self) -> None:
        """Move the running means of a resumed run, which are loaded on the CPU."""
        if self.device.type == "cpu":
            forget_nvml()
        if isinstance(self._sums, Tensor):
            self._sums = self._sums.to(self.device)

    def on_validation_model_zero_grad(self) -> None:
        """Free the gradients, unless validation comes between two batches of a step."""
        if self.execution.ends_step:
            super().on_validation_model_zero_grad()

    def on_validation_epoch_start(self) -> None:
        """Fix the random numbers of validation, so that epochs differ by the weights alone."""
        self._set_seed("val")
        if not self.trainer.sanity_checking:
            self.validated_at = self.epoch

    def on_test_epoch_start(self) -> None:
        """Fix the random numbers of testing."""
        self._set_seed("test")

    def _set_seed(self, split: Split, *position: int) -> None:
        seed = derived_seed(self.seed, SPLIT_SEEDS[split], self.global_rank, *position)
        set_random_state(self.device, seed)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Train on this batch, and on those that follow as long as nobody waits for a step.

        Returns:
            the loss of the last batch, nats per image.
        """
        loss = torch.empty(())
        for following in self.execution.batches(batch):
            loss = self._train(following)
        return loss

    def _train(self, batch: Batch) -> Tensor:
        """Add the gradient of a batch; with the last one of a step, take it. Return the loss."""
        optimizer = cast(LightningOptimizer, self.optimizers())
        if self.execution.begins_step:
            _call_callback_hooks(self.trainer, "on_before_zero_grad", optimizer.optimizer)
            optimizer.zero_grad()
        bound = self._bound(batch)
        self._note(bound, len(batch[0]))
        loss = -bound.value.mean()
        with torch.autocast(self.device.type, enabled=False):  # as outside of training_step
            self.manual_backward(loss / self.stepping.accumulate_grad_batches)
            if self.execution.ends_step:
                optimizer.step()
                self._after_step()
        return loss.detach()

    def _after_step(self) -> None:
        torch.clear_autocast_cache()  # of the weights before
        if schedule := self.lr_schedulers():
            cast(LambdaLR, schedule).step()
        for average in self._averages:
            average.update(self.trainer, self)

    def _note(self, bound: Bound, num_images: int) -> None:
        """Add to the running means of training; log them where that is due."""
        terms = self._terms(bound)
        every_n_steps = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
        step = self.trainer.global_step + 1
        is_due = self.execution.ends_step and every_n_steps > 0 and step % every_n_steps == 0
        if self.device.type == "cpu" or is_due:  # elsewhere, looking means waiting
            self._require_finite("train/loss", terms[0])
        self.images_trained += num_images
        self._sums, self._count = self._sums + terms, self._count + 1
        if is_due:
            self._log("train", self._metrics(bound, self._sums / self._count), num_images)
            self._sums, self._count = 0.0, 0

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradient, once it is unscaled."""
        limit, algorithm = self.stepping.gradient_clip_val, self.stepping.gradient_clip_algorithm
        self.clip_gradients(optimizer, limit, algorithm)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score one batch of validation images."""
        bound = self._bound(batch)
        metrics = self._metrics(bound, self._terms(bound)) | self._accuracy(batch)
        self._log("val", metrics, len(batch[0]))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score one batch of test images, importance-sampled log-likelihood included."""
        bound = self._bound(batch)
        metrics = self._metrics(bound, self._terms(bound)) | self._accuracy(batch)
        if self.estimates_nll:
            x, labels = self._images(batch), batch[1]
            found = likelihoods(self.model, x, labels, self.nll_samples)
            metrics |= {name: values.mean() for name, values in found.items()}
        self._log("test", metrics, len(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Refuse to go on, and to keep a checkpoint, once a metric is not finite."""
        for name, value in self.trainer.callback_metrics.items():
            if name.startswith("val/"):
                self._require_finite(name, value)

    def _bound(self, batch: Batch) -> Bound:
        scheduled: Scheduled = self.objective.scheduled(self.epoch)
        self.model.posterior.follow(self.epoch)
        if self.compiles:  # a number would be compiled anew whenever it changes
            scheduled = {n: torch.tensor(v, device=self.device) for n, v in scheduled.items()}
        return Bound(*self._score(self._images(batch), scheduled, self._labels(batch)))

    def _ask(
        self, x: Tensor, scheduled: Scheduled, labels: Tensor | None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        objective = self.objective
        draw = self.model.draw(x, objective.num_samples, objective.path_gradient, labels)
        bound = objective.score(draw, scheduled)
        return bound.value, bound.parts

    def _images(self, batch: Batch) -> Tensor:
        """Return the images in the precision of the weights."""
        return batch[0].to(self.dtype)

    def _labels(self, batch: Batch) -> Tensor | None:
        """Return the labels where the model is scored given them, or learns from them."""
        learns = self.model.takes_unlabelled and self.trainer.training
        return batch[1] if self.model.is_conditional or learns else None

    def _accuracy(self, batch: Batch) -> dict[str, Tensor]:
        log_qy = self.model.classify(self._images(batch))
        if log_qy is None:
            return {}
        return {"accuracy": (log_qy.argmax(-1) == batch[1]).to(log_qy.dtype).mean()}

    @staticmethod
    def _terms(bound: Bound) -> Tensor:
        """Return the loss and the parts of a bound, averaged over the batch, as one tensor (M,)."""
        return torch.stack([-bound.value, *bound.parts.values()]).detach().mean(1)

    def _metrics(self, bound: Bound, terms: Tensor) -> dict[str, Tensor | float]:
        """Name ``terms``, and add the bound and the scheduled numbers."""
        names = ["loss", *map(self.metric_name, bound.parts)]
        named = dict(zip(names, terms, strict=True))
        scheduled = self.objective.scheduled(self.epoch)
        scheduled |= self.model.posterior.scheduled(self.epoch)
        return named | {"bound": -named["loss"]} | scheduled

    def _log(self, split: Split, metrics: Mapping[str, Tensor | float], batch_size: int) -> None:
        named = {f"{split}/{name}": value for name, value in metrics.items()}
        self.log_dict(named, batch_size=batch_size, sync_dist=True)

    def log(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Log a metric, of a callback too.

        Raises:
            ValueError: if there is no such metric.
        """
        metric(name)
        super().log(name, *args, **kwargs)

    def _require_finite(self, name: str, value: Tensor) -> None:
        if not math.isfinite(value.item()):
            raise FloatingPointError(
                f"{name} is {value.item()} at step {self.trainer.global_step} "
                f"(epoch {self.current_epoch}); training stopped, the last good checkpoint is "
                "kept. Try a lower optimizer.lr or trainer.gradient_clip_val=1"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the pixels are, the last validation's metrics, and, to resume, running means."""
        checkpoint["pixels"] = self.pixels
        metrics = self.trainer.callback_metrics.items()
        checkpoint["metrics"] = {k: v.item() for k, v in metrics if k.startswith("val/")}
        checkpoint["train_means"] = {"sums": self._sums, "count": self._count}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from the running means of the run that is resumed."""
        means = checkpoint["train_means"]
        self._sums, self._count = means["sums"], means["count"]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser, and its learning-rate schedule unless that is constant."""
        optimizer = self.optimizer(p for p in self.parameters() if p.requires_grad)
        if self.schedule == Constant(1.0):
            return optimizer
        factors = LambdaLR(optimizer, lambda step: self.schedule(step / self._steps_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factors, "interval": "step"}}
