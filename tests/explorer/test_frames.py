"""The frames of a run's film, as the explorer finds them."""

from vae_lab.explorer.frames import kept_frames
from vae_lab.runs.rundir import RunDir

CURVES = """step,epoch,metric,value
99,0,train/bound,-300.0
99,0,val/bound,-250.5
199,1,train/bound,-200.0
"""


def test_a_frame_is_known_by_its_epoch_and_its_bound_as_far_as_the_curves_tell(tmp_path):
    run = RunDir(tmp_path)
    assert kept_frames(run) == []
    for step in (99, 199, 299):
        run.write_frame(step, b"")
    run.metrics_file.write_text(CURVES)
    assert [frame[1:] for frame in kept_frames(run)] == [
        (100, 1, -250.5), (200, 2, None), (300, None, None)
    ]  # fmt: skip
