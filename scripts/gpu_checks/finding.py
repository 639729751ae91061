"""What a check found, and how it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

SAME = "same to the bit"


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        name: what was tried.
        result: how it went.
        is_bad: whether that is a fault.
        seconds: how long it took.
    """

    name: str
    result: str
    is_bad: bool
    seconds: float

    @property
    def line(self) -> str:
        """The finding in a line."""
        return f"{'FAULT' if self.is_bad else 'ok':5} {self.name}: {self.result}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def table_of(findings: Sequence[Finding], speed: Mapping[str, Any]) -> Table:
    """Return what differs from the bulk of the findings, and the speeds."""
    table = Table(title="check_gpu")
    for column in ("what", "result"):
        table.add_column(column)
    alike = sum(finding.result == SAME for finding in findings)
    table.add_row(f"captured beside called, {alike} checks", SAME)
    for finding in findings:
        if finding.result != SAME:
            table.add_row(finding.name, f"{'FAULT: ' * finding.is_bad}{finding.result}")
    for name, value in speed.items():
        table.add_row(name, value if isinstance(value, str) else f"{value:,.2f}")
    return table
