"""What was published of log p(x) on MNIST, for a run to be seen beside.

The figures are those that ``conf/experiment/`` reruns, where protocol and source stand.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A published test NLL on MNIST, by 5000 or, where static, 200 or 1000 importance samples.

    Attributes:
        experiment: which of ``conf/experiment/`` reruns it.
        nll: in nats per image.
        binarization: of the images; figures with different ones do not compare.
        is_ladder: whether the latents come in several groups.
        epochs: of training; None if nobody said.
    """

    experiment: str
    nll: float
    binarization: str
    is_ladder: bool
    epochs: int | None


FIGURES = (
    Figure("burda_vae", 86.76, "dynamic", is_ladder=False, epochs=3280),
    Figure("burda_iwae50", 84.78, "dynamic", is_ladder=False, epochs=3280),
    Figure("gated_standard", 84.45, "dynamic", is_ladder=False, epochs=2000),
    Figure("vampprior_dynamic", 82.43, "dynamic", is_ladder=False, epochs=2000),
    Figure("pythae_vae", 89.78, "static", is_ladder=False, epochs=500),
    Figure("ladder", 79.24, "static", is_ladder=True, epochs=None),
)


def standing(binarization: str, is_ladder: bool) -> str | None:
    """Say what was published for this kind of model on MNIST binarised so; None if nothing was.

    Args:
        binarization: of the images.
        is_ladder: whether the latents come in several groups.
    """
    alike = [f for f in FIGURES if (f.binarization, f.is_ladder) == (binarization, is_ladder)]
    if not alike:
        return None
    nlls = sorted(figure.nll for figure in alike)
    shown = f"{nlls[0]}" if len(nlls) == 1 else f"{nlls[0]} to {nlls[-1]}"
    epochs = min((figure.epochs for figure in alike if figure.epochs), default=None)
    trained = "" if epochs is None else f", after {epochs} epochs or more"
    return f"{shown} published for this kind of model{trained}"
