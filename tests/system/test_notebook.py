"""The notebook runs from top to bottom, in its short version, and is committed as it ran."""

import nbformat
import pytest
from command_line import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "notebooks" / "from_autoencoder_to_vae.ipynb"
MEGABYTES = 3


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


# inside jupyter, on how its own processes talk and where its files will once lie
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_runs_from_top_to_bottom(notebook, monkeypatch, mnist_root):
    monkeypatch.setenv("VAE_LAB_NOTEBOOK", "short")
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    folder = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert not [o for cell in outputs for o in cell if o.output_type in {"error", "stream"}]


def test_it_is_committed_with_the_outputs_of_one_whole_run(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    pictures = [
        output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    assert len(pictures) > 10
    assert NOTEBOOK.stat().st_size < MEGABYTES * 2**20


def test_its_outputs_tell_nothing_of_the_machine(notebook):
    texts = [
        str(text)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        for kind, text in output.get("data", {"": output.get("text", "")}).items()
        if not kind.startswith("image/")
    ]
    assert not [text for text in texts if "/tmp/" in text or "/home/" in text or "/root/" in text]
