"""How much memory a benchmark took."""

import importlib.util


def peak_resident_mib(children: bool = False) -> int | None:
    """Return the most memory that this process, or its children, had at once.

    None where the operating system does not say, as on Windows.
    """
    if importlib.util.find_spec("resource") is None:
        return None
    import resource  # noqa: PLC0415 - there is none on Windows

    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    return round(resource.getrusage(who).ru_maxrss / 1024)
