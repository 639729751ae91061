"""The MNIST that ships with the package, unpacked into the layout torchvision reads."""

import hashlib
import lzma
from pathlib import Path

from vae_lab.files import write_atomically

ARCHIVE = Path(__file__).parent / "mnist"

# The canonical raw files: LeCun, Cortes & Burges (see mnist/README.md).
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def unpack_mnist(root: Path) -> None:
    """Make ``root``/MNIST/raw hold the four canonical files, and check their sha256.

    Several processes may do this at once: each file is written aside and renamed into place.

    Raises:
        ValueError: if a file that lies there already is not the canonical one.
        OSError: if ``root`` cannot be written and the files do not lie there.
    """
    folder = root / "MNIST" / "raw"
    for name, expected in SHA256.items():
        path = folder / name
        if not path.exists():
            write_atomically(path, lzma.decompress((ARCHIVE / f"{name}.xz").read_bytes()))
        found = sha256(path)
        if found != expected:
            raise ValueError(
                f"{path} is corrupt: expected sha256 {expected}, found {found}. "
                "Delete it and run again"
            )


def sha256(path: Path) -> str:
    """Return the sha256 of the file at ``path``, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
