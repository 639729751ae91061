"""The LightningModule: steps, metrics, optimiser."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import lightning.pytorch as pl
import torch
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
from vae_lab.objectives import Objective
from vae_lab.objectives.bound import Scheduled
from vae_lab.objectives.schedules import Constant, Schedule
from vae_lab.seeding import derived_seed, set_random_state
from vae_lab.training.callbacks.averaged_weights import AveragedWeights
from vae_lab.training.execution import Execution, Stepping
from vae_lab.training.feed import Feed, feed_of
from vae_lab.training.lightning_speed import UncheckedHookName, forget_nvml, log_now
from vae_lab.training.running_means import RunningMeans
from vae_lab.training.step import Examples, terms_of
from vae_lab.training.steps import Steps, steps_of

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
        running: the means of training that are logged next.

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
        self.automatic_optimization = False
        self.compiles = compile_model
        self._score = torch.compile(self._ask) if compile_model else self._ask
        self.running = RunningMeans()
        self._steps: Steps | None = None
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
    def learns_labels(self) -> bool:
        """Whether training asks for the labels of images."""
        return self.model.is_conditional or self.model.takes_unlabelled

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
            self._seed_batch(self.trainer.fit_loop.epoch_loop.batch_progress.current.ready)
        return batch

    def _seed_batch(self, batches: int) -> None:
        """Fix the random numbers of the batch that follows ``batches`` of this epoch."""
        self._set_seed("train", self.current_epoch, batches)

    def setup(self, stage: str) -> None:
        """Find out who waits for what, before a callback tries a few steps."""
        if stage != "fit":
            return
        self.execution = Execution(self.trainer, self.stepping, self._seed_batch)
        callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        self.averages = [c for c in callbacks if isinstance(c, AveragedWeights)]

    def on_train_start(self) -> None:
        """Move the running means of a resumed run, which are loaded on the CPU."""
        if self.device.type == "cpu":
            forget_nvml()
        self.running.load(self.running.state(), self.device)
        self._steps = None

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
        feed = feed_of(self.trainer, self.learns_labels)
        taken = self._takes_steps(feed)
        loss = torch.empty(())
        for following in self.execution.batches(batch, feed, taken.is_raw):
            loss = self._train(taken, following)
        return loss.clone()  # a captured step writes the next one to the same place

    def _train(self, steps: Steps, batch: Tensor | Examples) -> Tensor:
        """Add the gradient of a batch; with the last one of a step, take it. Return the loss."""
        execution, running = self.execution, self.running
        number = execution.steps_done
        epoch = number / self._steps_per_epoch
        begins, ends = execution.begins_step, execution.ends_step
        if isinstance(batch, tuple):
            images, labels = batch[0].to(self.dtype), batch[1] if self.learns_labels else None
            batch = images if steps.is_raw else (images, labels)
        size = len(batch if isinstance(batch, Tensor) else batch[0])
        self.model.posterior.follow(epoch)
        terms = steps.executor(batch, self.objective.scheduled(epoch), begins, ends)
        running.note(number, size)
        if not steps.watches:
            self._require_finite("train/loss", terms[0].item(), number)
        every_n_steps = self.trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]
        if ends and every_n_steps > 0 and (number + 1) % every_n_steps == 0:
            self._look_back()
            means = self.trainer.strategy.reduce(running.means(), reduce_op="mean")
            self._log_now("train", self._metrics(means, steps.parts, epoch))
            running.restart()
        if ends:
            steps.updates.note()
            self._after_step(steps.executor.has_averaged)
        return terms[0]

    def _takes_steps(self, feed: Feed | None) -> Steps:
        """Return what takes steps, with the optimiser and the callbacks of this moment."""
        trainer: Any = self.trainer
        now = (trainer.optimizers[0], trainer.callbacks)
        if self._steps is None or any(map(operator.is_not, self._steps.made_for, now)):
            self._steps = steps_of(self, VAEModule, self._score, feed, now)
        return self._steps

    def _after_step(self, has_averaged: bool) -> None:
        torch.clear_autocast_cache()  # of the weights before
        if schedule := self.lr_schedulers():
            cast(LambdaLR, schedule).step()
        for average in self.averages:
            average.update(self.trainer, self, has_averaged)

    def _look_back(self) -> None:
        """Refuse to go on if a loss was not finite that nobody has looked at yet."""
        if self._steps is not None and self._steps.watches and (bad := self.running.first_bad()):
            step, value = bad
            self._require_finite("train/loss", value, step)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the gradient, once it is unscaled."""
        limit, algorithm = self.stepping.gradient_clip_val, self.stepping.gradient_clip_algorithm
        self.clip_gradients(optimizer, limit, algorithm)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Score one batch of validation images."""
        self._log("val", self._measured(batch), len(batch[0]))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Score one batch of test images, importance-sampled log-likelihood included."""
        metrics = self._measured(batch)
        if self.estimates_nll:
            x, labels = batch[0].to(self.dtype), batch[1]
            found = likelihoods(self.model, x, labels, self.nll_samples)
            metrics |= {name: values.mean() for name, values in found.items()}
        self._log("test", metrics, len(batch[0]))

    def on_validation_epoch_end(self) -> None:
        """Refuse to go on, and to keep a checkpoint, once a metric is not finite."""
        for name, value in self.trainer.callback_metrics.items():
            if name.startswith("val/"):
                self._require_finite(name, value.item(), self.trainer.global_step)

    def _measured(self, batch: Batch) -> dict[str, Tensor | float]:
        """Return the metrics of a batch that is not trained on."""
        epoch = self.epoch
        scheduled: Scheduled = self.objective.scheduled(epoch)
        self.model.posterior.follow(epoch)
        if self.compiles:  # a number would be compiled anew whenever it changes
            scheduled = {n: torch.tensor(v, device=self.device) for n, v in scheduled.items()}
        x, labels = batch[0].to(self.dtype), batch[1]
        given = labels if self.model.is_conditional else None
        value, parts = self._score(x, scheduled, given)
        return self._metrics(terms_of(value, parts), parts, epoch) | self._accuracy(x, labels)

    def _ask(
        self, x: Tensor, scheduled: Scheduled, labels: Tensor | None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        objective = self.objective
        draw = self.model.draw(x, objective.num_samples, objective.path_gradient, labels)
        bound = objective.score(draw, scheduled)
        return bound.value, bound.parts

    def _accuracy(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        log_qy = self.model.classify(x)
        if log_qy is None:
            return {}
        return {"accuracy": (log_qy.argmax(-1) == labels).to(log_qy.dtype).mean()}

    def _metrics(
        self, terms: Tensor, parts: Iterable[str], epoch: float
    ) -> dict[str, Tensor | float]:
        """Name the loss and the parts of the bound; add the bound and the scheduled numbers."""
        names = ["loss", *map(self.metric_name, parts)]
        named = dict(zip(names, terms, strict=True))
        scheduled = self.objective.scheduled(epoch) | self.model.posterior.scheduled(epoch)
        return named | {"bound": -named["loss"]} | scheduled

    def _log(self, split: Split, metrics: Mapping[str, Tensor | float], batch_size: int) -> None:
        named = {f"{split}/{name}": value for name, value in metrics.items()}
        self.log_dict(named, batch_size=batch_size, sync_dist=True)

    def _log_now(self, split: Split, metrics: Mapping[str, Tensor | float]) -> None:
        named = {f"{split}/{name}": torch.as_tensor(value) for name, value in metrics.items()}
        for name in named:
            metric(name)
        log_now(self.trainer, named)

    def log(self, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Log a metric, of a callback too.

        Raises:
            ValueError: if there is no such metric.
        """
        metric(name)
        super().log(name, *args, **kwargs)

    def _require_finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            raise FloatingPointError(
                f"{name} is {value} at step {step} (epoch {self.current_epoch}); training "
                "stopped, the last good checkpoint is kept. Try a lower optimizer.lr or "
                "trainer.gradient_clip_val=1"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the pixels are, the last validation's metrics, and, to resume, running means."""
        self._look_back()
        checkpoint["pixels"] = self.pixels
        metrics = self.trainer.callback_metrics.items()
        checkpoint["metrics"] = {k: v.item() for k, v in metrics if k.startswith("val/")}
        checkpoint["train_means"] = self.running.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from the running means of the run that is resumed."""
        self.running.load(checkpoint["train_means"], self.device)
        self._steps = None  # captured ones write where weights and sums were before

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser, and its learning-rate schedule unless that is constant."""
        optimizer = self.optimizer(p for p in self.parameters() if p.requires_grad)
        if self.schedule == Constant(1.0):
            return optimizer
        factors = LambdaLR(optimizer, lambda step: self.schedule(step / self._steps_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factors, "interval": "step"}}
