"""The straightened reformat along a centreline shows a bent tube as a straight one."""

from __future__ import annotations

import numpy as np
from vessels import AROUND_HU, LUMEN_HU, bent, scanned

from prosector.pipeline.run import run_operation


def test_a_bent_tube_comes_out_straight_and_as_wide_as_it_is() -> None:
    tube = bent(40.0, np.full(121, 3.0))
    volume, labels = scanned(tube)
    ends = {"start_lps": tube.centers[9].tolist(), "ends_lps": tube.centers[-10].tolist()}
    line = run_operation("centerline", {"labels": labels}, **ends)
    inputs = {"volume": volume, "centerlines": line}
    picture = run_operation("straightened-mpr", inputs, width_mm=14.0, spacing_mm=0.25)
    bright = picture.values > 0.5 * (LUMEN_HU + AROUND_HU)  # type: ignore[union-attr]
    middle = (bright * np.arange(bright.shape[1])).sum(axis=1) / bright.sum(axis=1) - (bright.shape[1] - 1) / 2
    assert np.abs(middle).max() * 0.25 < 0.6
    np.testing.assert_allclose(bright.sum(axis=1).mean() * 0.25, 6.0, atol=0.4)
    length = line.branches[0].length_mm  # type: ignore[union-attr]
    assert abs(len(bright) * 0.25 - length) < 0.5
