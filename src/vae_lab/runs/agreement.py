"""What the processes of one run agree on before they can talk to each other."""

import os


def begins_a_run() -> bool:
    """Tell whether this process is the first of its run, and not one that torchrun restarted."""
    names = ("RANK", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
    return all(os.environ.get(name, "0") == "0" for name in names)


def agreed(name: str, value: str) -> str:
    """Return the value that process 0 had first, if torchrun started several processes.

    Without torchrun that is ``value``. With it, every process composes the run by itself, perhaps
    in another second, and again after torchrun has restarted it.

    Args:
        name: of the value, the same in all processes.
        value: what this process would take.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return value
    from torch._C._distributed_c10d import TCPStore  # noqa: PLC0415 - torch is not needed before

    port = int(os.environ["MASTER_PORT"])
    store = TCPStore(os.environ["MASTER_ADDR"], port, is_master=False)
    key = f"vae_lab/{name}"
    if os.environ["RANK"] == "0":
        store.compare_set(key, "", value)  # unless it is set
    return store.get(key).decode()
