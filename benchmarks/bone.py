"""Bone of a whole CT, beside the same steps in SimpleITK: ``python -m benchmarks.bone --dataset chest_cta``.

The steps that both do: hysteresis threshold, closing by a ball, holes of axial slices filled, small pieces left
out. ``segment_bone`` does more than that: it takes the table away, finds enhanced vessels and leaves them out,
judges marrow in three planes, keeps thin walls and puts the edge at the half level. It is timed as a user calls it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from benchmarks.ours import OURS
from benchmarks.scenes import scene
from benchmarks.timing import alternate, medians
from prosector import Volume
from prosector.segmentation.bone import HIGH_HU, LOW_HU, MINIMUM_MM3, segment_bone
from prosector.segmentation.components import find_components
from prosector.segmentation.marrow import GAP_MM
from prosector.segmentation.mask import closed, filled_slices

SITK = "SimpleITK, the same steps"
STEPS = "prosector, the same steps"
ROUNDS = 3


def steps(volume: Volume) -> np.ndarray:
    """Hysteresis, closing, filling and size with our kernels."""
    pieces = find_components(volume.voxels >= LOW_HU)
    mask = pieces.mask(pieces.count_at_least(volume.voxels, HIGH_HU) > 0)
    mask = filled_slices(closed(mask, volume.geometry.affine[:3, :3], GAP_MM))
    pieces = find_components(mask)
    return pieces.mask(pieces.sizes * volume.geometry.voxel_volume_mm3 >= MINIMUM_MM3)


def steps_in_simpleitk(volume: Volume) -> np.ndarray:
    """The same with SimpleITK's filters, on as many threads."""
    image = sitk.GetImageFromArray(volume.voxels)
    low = sitk.BinaryThreshold(image, LOW_HU, 1e6)
    high = sitk.BinaryThreshold(image, HIGH_HU, 1e6)
    mask = sitk.BinaryReconstructionByDilation(high, low)
    spacing = volume.geometry.spacing_mm
    radius = [int(GAP_MM / s + 1e-6) for s in reversed(spacing)]
    mask = sitk.BinaryMorphologicalClosing(mask, radius, sitk.sitkBall)
    filled = sitk.JoinSeries([sitk.BinaryFillhole(mask[:, :, k], False) for k in range(mask.GetSize()[2])])
    pieces = sitk.RelabelComponent(
        sitk.ConnectedComponent(filled), int(np.ceil(MINIMUM_MM3 / volume.geometry.voxel_volume_mm3))
    )
    return sitk.GetArrayFromImage(pieces) > 0


def runs(volume: Volume) -> dict[str, Callable[[], np.ndarray]]:
    """Each finds bone anew at each call and returns its mask."""
    return {
        OURS: lambda: segment_bone(volume).labels > 0,
        STEPS: lambda: steps(volume),
        SITK: lambda: steps_in_simpleitk(volume),
    }


def stretched(volume: Volume, slices: int) -> Volume:
    """At least so many slices: the series again and again, every other time backwards, so that bones go on."""
    order = np.concatenate([np.arange(len(volume.voxels)), np.arange(len(volume.voxels))[::-1]])
    index = np.resize(order, max(slices, len(volume.voxels)))
    geometry = replace(volume.geometry, shape=(len(index), *volume.geometry.shape[1:]))
    return replace(volume, voxels=volume.voxels[index], geometry=geometry)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * np.count_nonzero((a > 0) & (b > 0)) / (np.count_nonzero(a) + np.count_nonzero(b)))


def main(arguments: list[str] | None = None) -> None:
    """Time everyone in turn and print seconds, ratios and how far the masks agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bone", description="bone beside SimpleITK")
    parser.add_argument("--dataset", default="chest_cta")
    parser.add_argument("--slices", type=int, default=0, help="repeat the series to at least so many slices")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args(arguments)
    volume = stretched(scene(asked.dataset).volume, asked.slices)
    everyone = runs(volume)
    masks = {name: run() for name, run in everyone.items()}
    seconds = medians(alternate(everyone, asked.rounds))
    print(f"{asked.dataset}, {' × '.join(map(str, volume.geometry.shape))}")
    for name, took in seconds.items():
        agreement = dice(masks[name], masks[SITK])
        print(f"{name:28s} {took:7.2f} s   {took / seconds[SITK]:5.2f} of SimpleITK   Dice to it {agreement:.3f}")


class Bone:
    """asv: bone of a whole CT."""

    params = (["chest_cta"],)
    param_names = ("dataset",)
    timeout = 600

    def setup(self, dataset: str) -> None:
        self.runs = runs(scene(dataset).volume)
        self.runs[OURS]()

    def time_prosector(self, _dataset: str) -> None:
        self.runs[OURS]()

    def time_same_steps(self, _dataset: str) -> None:
        self.runs[STEPS]()

    def time_simpleitk(self, _dataset: str) -> None:
        self.runs[SITK]()

    def peakmem_prosector(self, _dataset: str) -> None:
        self.runs[OURS]()


if __name__ == "__main__":
    main()
