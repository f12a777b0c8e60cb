"""Multi-scale Hessian vesselness on a part of a CT: the same scales, bright tubes, largest response of all.

``python -m benchmarks.vesselness [DATASET]`` times everyone in turn and each one's peak memory in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.ours import OURS
from benchmarks.scenes import scene
from benchmarks.startup import _reset_peak, _status
from benchmarks.timing import alternate, medians
from prosector import Volume
from prosector.model.geometry import Geometry
from prosector.segmentation.vesselness import vesselness

SCALES_MM = (1.0, 1.4, 2.0)
SHAPE = (96, 256, 256)
"""Large enough to leave every cache, small enough for the slowest to be timed."""

CONTRAST = 200.0
SKIMAGE = "skimage.filters.frangi"
ITK = "SimpleITK: recursive Gaussian derivatives, ObjectnessMeasure"


def part(dataset: str) -> Volume:
    """The middle of a scene's volume."""
    whole = scene(dataset).volume
    size = np.minimum(whole.geometry.shape, SHAPE)
    first = (np.array(whole.geometry.shape) - size) // 2
    voxels = np.ascontiguousarray(whole.voxels[tuple(slice(f, f + n) for f, n in zip(first, size, strict=True))])
    affine = whole.geometry.affine.copy()
    affine[:3, 3] = whole.geometry.to_lps(first)
    return Volume(voxels, Geometry(voxels.shape, affine), whole.unit, whole.source)


def ours(volume: Volume) -> np.ndarray:
    return vesselness(volume, scales_mm=SCALES_MM, measure="frangi", contrast=CONTRAST).voxels


def skimage_frangi(volume: Volume) -> np.ndarray:
    """It takes one scale for all axes, in voxels: those of the rows here, so the work is the same or less."""
    from skimage.filters import frangi

    voxels = volume.voxels.astype(np.float32)
    gamma = 0.26 * CONTRAST
    step = volume.geometry.spacing_mm[2]
    sigmas = [s / step for s in SCALES_MM]
    return frangi(voxels, sigmas=sigmas, black_ridges=False, alpha=0.5, beta=0.5, gamma=gamma, mode="nearest")


def itk_objectness(volume: Volume) -> np.ndarray:
    """The Hessian and the measure of each scale as ITK's multi-scale filter makes them; the scale is in mm."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(volume.voxels.astype(np.float32))
    image.SetSpacing(volume.geometry.spacing_mm[::-1])
    measure = sitk.ObjectnessMeasureImageFilter()
    measure.SetObjectDimension(1)
    measure.SetAlpha(0.5)
    measure.SetBeta(0.5)
    measure.SetGamma(0.26 * CONTRAST)
    measure.SetBrightObject(True)
    best = None
    for scale in SCALES_MM:
        smooth = sitk.SmoothingRecursiveGaussian(image, scale)
        found = measure.Execute(smooth)
        best = found if best is None else sitk.Maximum(best, found)
    return np.asarray(sitk.GetArrayViewFromImage(best))


RUNS: dict[str, Callable[[Volume], np.ndarray]] = {OURS: ours, ITK: itk_objectness, SKIMAGE: skimage_frangi}


def runs(volume: Volume) -> dict[str, Callable[[], np.ndarray]]:
    """Everyone on one volume."""
    return {name: (lambda run=run: run(volume)) for name, run in RUNS.items()}


def peak_above_mb(dataset: str, who: str) -> float:
    """Megabytes that one needs above a process that holds the volume, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.vesselness", dataset, who]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["peak_above_mb"])


def _measure(dataset: str, who: str) -> dict[str, float]:
    volume = part(dataset)
    small = Volume(volume.voxels[:8, :16, :16], Geometry((8, 16, 16), volume.geometry.affine), volume.unit)
    RUNS[who](small)  # libraries and compiled code are held by everyone
    _reset_peak()
    held = _status("VmRSS")
    RUNS[who](volume)
    return {"peak_above_mb": round((_status("VmHWM") - held) / 1024, 1)}


def compare(dataset: str, rounds: int = 5) -> dict[str, Any]:
    """Median seconds, ratios to ours and peak memory of everyone."""
    volume = part(dataset)
    found = medians(alternate(runs(volume), rounds))
    return {
        "shape": list(volume.geometry.shape),
        "scales_mm": list(SCALES_MM),
        "seconds": found,
        "times_ours": {name: seconds / found[OURS] for name, seconds in found.items()},
        "peak_above_mb": {name: peak_above_mb(dataset, name) for name in RUNS},
    }


class Vesselness:
    """asv: Frangi's vesselness at three scales."""

    params = (["chest_cta"],)
    param_names = ("dataset",)
    timeout = 600

    def setup(self, dataset: str) -> None:
        self.volume = part(dataset)
        ours(self.volume)

    def time_prosector(self, _dataset: str) -> None:
        ours(self.volume)

    def time_itk(self, _dataset: str) -> None:
        itk_objectness(self.volume)

    def time_skimage(self, _dataset: str) -> None:
        skimage_frangi(self.volume)

    def peakmem_prosector(self, _dataset: str) -> None:
        ours(self.volume)


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "chest_cta"
    print(json.dumps(_measure(name, sys.argv[2]) if len(sys.argv) > 2 else compare(name), indent=None))
