"""What somebody meant who typed a key that does not exist, as they would have to type it."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# What keys are called elsewhere, by what they are called here: a key; a group, whose options the
# value is compared with; or a choice and a key, which are typed together.
CALLED = {
    "latent_dim": "z z_dim zdim dim_z z_size nz latent latents latent_dims latent_size n_latent "
    "n_latents num_latents latent_features code_dim code_size embedding_dim bottleneck",
    "optimizer.lr": "learning_rate learningrate lrate base_lr step_size",
    "optimizer.weight_decay": "wd weight_decay l2",
    "trainer.max_epochs": "epoch epochs n_epochs num_epochs max_epoch nepochs",
    "trainer.max_steps": "steps max_steps n_steps num_steps iterations max_iter",
    "trainer.precision": "precision amp fp16 bf16 half mixed_precision dtype",
    "trainer.gradient_clip_val": "clip grad_clip clip_grad gradient_clip gradient_clipping",
    "trainer.accumulate_grad_batches": "accumulate accumulation accum grad_accum accum_steps",
    "trainer.accelerator": "accelerator device",
    "trainer=gpu trainer.devices": "gpu gpus n_gpus num_gpus n_gpu",
    "trainer.devices": "devices n_devices num_devices num_processes",
    "data.batch_size": "bs batch batchsize minibatch minibatch_size",
    "data": "dataset data_set",
    "data.dataset": "dataset data_set",
    "data.root": "data_dir data_path data_root datadir",
    "data.val_size": "val_split validation_split n_val num_val",
    "model": "network net arch architecture encoder backbone",
    "model.encoder.hidden_sizes": "hidden hidden_dim hidden_dims hidden_size hidden_units "
    "n_hidden num_hidden layers units width",
    "model.encoder.hidden_size": "hidden hidden_dim hidden_units n_hidden num_hidden units width",
    "model.encoder.channels": "hidden hidden_dims layers filters n_filters num_filters width",
    "objective": "loss loss_fn criterion",
    "objective.beta": "beta kl_weight kld_weight kl_coeff kl_coef beta_kl lambda_kl weight_kl",
    "objective.beta=warmup objective.schedules.warmup.epochs": "warmup warm_up warmup_epochs "
    "kl_warmup anneal annealing kl_anneal",
    "objective.num_samples": "k iwae_samples importance_samples n_samples num_samples mc_samples",
    "evaluation.num_samples": "k importance_samples n_samples num_samples eval_samples nll_samples",
    "optimizer": "opt optim optimiser",
    "schedule": "scheduler lr_scheduler lr_schedule sched",
    "likelihood": "decoder_dist reconstruction reconstruction_loss recon_loss",
    "callbacks.early_stopping.patience": "patience early_stopping early_stop",
    "callbacks=early_stopping callbacks.early_stopping.patience": "patience early_stopping "
    "early_stop",
    "hydra/launcher=joblib hydra.launcher.n_jobs": "jobs n_jobs num_jobs parallel",
    "hydra.sweeper.n_trials": "trials n_trials num_trials",
    "hydra.run.dir": "out out_dir outdir output output_dir save_dir log_dir logdir",
    "name": "exp exp_name experiment_name run_name",
    "resume": "ckpt ckpt_path checkpoint checkpoint_path resume_from",
    "seed": "random_seed manual_seed random_state",
}
NEEDLESS = dict.fromkeys(
    ("workers", "num_workers", "n_workers", "pin_memory", "persistent_workers"),
    "all images are held in memory, which needs no workers",
)
NEARLY_EQUAL, ALIKE = 0.88, 0.75  # of difflib's ratio, at least
AT_MOST = 3
SPECIAL = re.compile(r"[\s{}()$&|;<>*'\"\\]")  # in a shell


@dataclass(frozen=True)
class Known:
    """What can be typed.

    Args:
        keys: key → whether its value is a list.
        groups: group → its options.
        takes: tells of a key that is not there whether it may be added with a plus.
        more: names further keys that may be added, which takes a while to find out.
    """

    keys: Mapping[str, bool]
    groups: Mapping[str, Sequence[str]]
    takes: Callable[[str], bool]
    more: Callable[[], Sequence[str]]


def suggestions(key: str, value: str, known: Known) -> list[str]:
    """Return what may have been meant by ``key=value``, the likeliest first; perhaps nothing.

    First come keys in which one part is another, then what the last part is called elsewhere, then
    keys that end in it, then keys that are spelt almost like it, and then those that end so.
    """
    named = [*known.keys, *known.groups]
    last, elsewhere = _last(key), called(key)
    differing = [name for name in named if _differs_before_the_end(key, name)]
    for candidates in (
        difflib.get_close_matches(key, differing, 1, NEARLY_EQUAL) or differing,
        elsewhere,
        [name for name in named if _last(name) == last],
        difflib.get_close_matches(key, named, AT_MOST - 1, NEARLY_EQUAL),
        _alike(key, named),
    ):
        written = _written(_near(key, candidates), value, known)
        if written:
            return written[:AT_MOST]
    added = [] if elsewhere else _alike(key, known.more())
    return [for_shell(f"+{name}={value}") for name in added[:1]]


def called(key: str) -> list[str]:
    """Return the keys that are called elsewhere what this one ends in."""
    last = _last(key)
    return [name for name, aliases in CALLED.items() if last in aliases.split()]


def nearest_option(typed: str, options: Sequence[str]) -> str | None:
    """Return the option of a group that is spelt most like what was typed, if any is."""
    beginnings = [option for option in options if typed and option.startswith(typed.lower())]
    alike = difflib.get_close_matches(typed.lower(), options, 1, 0.6)
    return next(iter([*alike, *beginnings]), None)


def for_shell(override: str) -> str:
    """Return an override as one types it into a shell."""
    return f"'{override}'" if SPECIAL.search(override) and "'" not in override else override


def _last(key: str) -> str:
    return re.split(r"[./]", key.lower().replace("-", "_"))[-1]


def _alike(key: str, named: Sequence[str]) -> list[str]:
    """Return the keys whose last part is spelt like that of a key."""
    lasts = list(dict.fromkeys(map(_last, named)))
    best = difflib.get_close_matches(_last(key), lasts, 1, ALIKE)
    return [name for name in named if _last(name) in best]


def _differs_before_the_end(key: str, name: str) -> bool:
    """Tell whether two keys end in the same, and differ in one part before."""
    parts, others = key.split("."), name.split(".")
    differing = sum(part != other for part, other in zip(parts, others, strict=False))
    return len(parts) == len(others) and parts[-1] == others[-1] and differing == 1


def _near(key: str, candidates: Sequence[str]) -> list[str]:
    """Return those in the same part as a key if there are any, else all."""
    beginning, dot, _ = key.partition(".")
    same = [name for name in candidates if dot and name.startswith(f"{beginning}.")]
    return same or list(candidates)


def _written(candidates: Sequence[str], value: str, known: Known) -> list[str]:
    """Return those that are there, as they are typed with a value."""
    found: list[str] = []
    for name in candidates:
        if " " in name:
            choice, _, key = name.partition(" ")
            found += [] if found else [f"{choice} {for_shell(f'{key}={value}')}"]
        elif name in known.groups:
            options = [nearest_option(part, known.groups[name]) for part in value.split(",")]
            if all(options):
                return [*found, f"{name}={','.join(filter(None, options))}"]
        elif name in known.keys:
            is_single = known.keys[name] and re.fullmatch(r"[\w.]+", value) and value != "null"
            found.append(for_shell(f"{name}=[{value}]" if is_single else f"{name}={value}"))
        elif known.takes(name):
            found.append(for_shell(f"+{name}={value}"))
    return found
