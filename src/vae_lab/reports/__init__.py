"""What many runs say together: run directories → rows → tables, charts, a page.

Nothing is read but the directories: what Hydra saved, ``summary.json``, ``metrics.csv``, the
``evaluation.json`` of runs that were evaluated, and the ``multirun.yaml`` of a sweep, which says
which runs there should be.
"""

from vae_lab.reports.document import write_report
from vae_lab.reports.frame import Frame
from vae_lab.reports.tables import print_overview

__all__ = ["Frame", "print_overview", "write_report"]
