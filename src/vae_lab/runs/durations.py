"""How long something takes, in words."""

MINUTE, HOUR = 60, 3600


def show_seconds(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.1f} min" if seconds < 2 * HOUR else f"{seconds / HOUR:.1f} h"
