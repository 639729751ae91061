"""A better prior for a trained run: fitted to its codes afterwards, into a run of its own.

python scripts/fit_prior.py runs/<run> --prior flow
python scripts/fit_prior.py runs/<run> --prior mixture prior.covariance=full
python scripts/fit_prior.py runs/<autoencoder> --prior flow --out runs/with_samples

Encoder and decoder stay as they are. An autoencoder can be sampled from this way.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from vae_lab.reports import results_table
from vae_lab.runs import terminal, trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT, the_run
from vae_lab.runs.rundir import RunDir
from vae_lab.runs.signals import INTERRUPTED
from vae_lab.trained.fitted_prior import Order, default_place, fit_prior, require_ready
from vae_lab.training import fit_prior as fitting
from vae_lab.training.advice import quieten

CONF = Path(__file__).parents[1] / "conf"
USUAL_SAMPLES = 100  # K, where the run does not say


def print_outcome(fitted: dict[str, Any], out: Path, can_be_explored: bool) -> None:
    """Print the figures before and after, one a line, and what can be done with the new run."""
    table = Table(title=f"{fitted['run']} · prior {fitted['prior']}, fitted afterwards")
    table.add_column("metric")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    for name, after in fitted["after"].items():
        samples = f"  (K = {after['num_samples']})" if after["num_samples"] else ""
        before = results_table.show(fitted["before"].get(name))
        table.add_row(name, before, results_table.show(after), after["unit"] + samples)
    if fitted["after"]:  # of an autoencoder of other images than MNIST's nothing is measured
        terminal.console().print(table)
    if fitted["nll_gained"] is not None:
        terminal.tell(f"gained    {results_table.show(fitted['nll_gained'])} nats of log p(x)")
    where = terminal.shown_path(out)
    explore = [f"explore   python scripts/explore.py {where}"] if can_be_explored else []
    terminal.tell(
        f"samples   {where}/images/samples.png",
        *explore,
        f"generate  python scripts/generate.py {where} --num 64",
        f"evaluate  python scripts/evaluate.py {where}",
    )


@told_in_one_line()
def main() -> None:
    """Fit the prior that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help=MEANT)
    parser.add_argument("--prior", required=True, metavar="PRIOR",
                        help="of the group prior: flow, mixture, vampprior, ...")  # fmt: skip
    parser.add_argument("overrides", nargs="*", metavar="prior.KEY=VALUE",
                        help="its values, such as prior.num_components=50")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="the new run directory (default: <run>_prior_<prior>)")  # fmt: skip
    parser.add_argument("--epochs", type=int, default=20,
                        help="how often codes are drawn and learned from (20)")  # fmt: skip
    parser.add_argument("--num-samples", type=int, metavar="K",
                        help="importance samples per test image (as in the run)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of every random number")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    trust.add_option(parser)
    arguments = parser.parse_intermixed_args()
    run = RunDir(the_run(arguments.run), arguments.trust)
    out = arguments.out or default_place(run, arguments.prior)
    quieten()
    require_ready(run, out)
    samples = arguments.num_samples
    if samples is None:
        samples = run.summary().get("nll_samples", USUAL_SAMPLES)
    order = Order(
        run=run, conf_dir=CONF, prior=arguments.prior, overrides=arguments.overrides,
        epochs=arguments.epochs, num_samples=samples, seed=arguments.seed,
        device=torch.device(arguments.device),
    )  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.console(), transient=True) as progress:
        task = progress.add_task("encoding", total=arguments.epochs)

        def on_fit(reached: fitting.Progress) -> None:
            said = f"log p(z)  train {reached.train:.2f}  val {reached.val:.2f} nats"
            progress.update(task, completed=reached.epoch, description=said)

        def on_images(when: str, done: int, of: int) -> None:
            said = f"log p(x) {when}, K = {samples}"
            progress.update(task, completed=done, total=of, description=said)

        try:
            fitted = fit_prior(order, out, on_fit, on_images)
        except KeyboardInterrupt:
            terminal.say("interrupted; nothing was written")
            raise SystemExit(INTERRUPTED) from None
    print_outcome(fitted, out, RunDir(out, arguments.trust).open_model().has_one_space)


if __name__ == "__main__":
    main()
