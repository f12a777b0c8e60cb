"""What volume rendering needs of a volume, whatever the camera: styles, masks, and where anything is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from prosector.errors import InputError, ParameterError
from prosector.kernels.occupancy import MOST_STYLES, forward_distances, seen_blocks, soften
from prosector.model.geometry import Array
from prosector.model.labels import LabelMap
from prosector.model.region import Region
from prosector.model.transfer import LabelStyle, TransferFunction
from prosector.model.volume import Volume
from prosector.rendering.optics import Optics, Style, optics_of
from prosector.rendering.rays import bricks_of

NOWHERE = np.zeros((1, 1, 1), dtype=np.uint8)
"""Stands for "no mask" and "no styles"."""

KEPT = 4
"""So many transfer functions of a volume keep what is known of where they show something."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A volume dressed for rendering.

    Parameters
    ----------
    volume : Volume
    transfer : TransferFunction
        Of what has no style of its own; its shading is that of the picture.
    optics : Optics
    weights, styles : uint8 arrays
        Shown share (255 is whole) and style of every voxel, or NOWHERE.
    bits, leap : arrays
        Seen blocks of every brick (uint64), and its distance to the next one that has any in each octant (uint8).
    region : Region or None
    """

    volume: Volume
    transfer: TransferFunction
    optics: Optics
    weights: Array
    styles: Array
    bits: Array
    leap: Array
    region: Region | None = None


_SEEN: WeakKeyDictionary[Volume, dict[tuple[Style, ...], tuple[Array, Array]]] = WeakKeyDictionary()


def scene_of(
    volume: Volume,
    transfer: TransferFunction,
    labels: LabelMap | None = None,
    label_styles: Mapping[str, LabelStyle] | None = None,
    region: Region | None = None,
) -> Scene:
    """Dress a volume.

    Raises
    ------
    ParameterError
        If there are styles without labels, or more than MOST_STYLES of them.
    InputError
        If a style is for a structure that is not in the label map.
    GeometryError
        If a label map lies on another grid.
    """
    own = dict(label_styles or {})
    if own and labels is None:
        raise ParameterError("structures have styles only with a label map")
    looks: dict[Style, int] = {(transfer, 1.0): 0}
    styles = NOWHERE
    shown = region.mask(volume.geometry) if region is not None else None
    if labels is not None and own:
        volume.geometry.require_same(labels.geometry, "the label map")
        styles = _styles(labels, own, transfer, looks)
        shown = _without_hidden(labels, own, shown)
    weights = soft(shown)
    optics = optics_of(tuple(looks))
    bits, leap = _seen(volume, tuple(looks), optics, weights, styles)
    return Scene(volume, transfer, optics, weights, styles, bits, leap, region)


def soft(shown: Array | None) -> Array:
    """Weights (uint8) of a mask, with soft edges; NOWHERE where there is none."""
    if shown is None:
        return NOWHERE
    weights = np.empty(shown.shape, dtype=np.uint8)
    soften(np.ascontiguousarray(shown), weights)
    return weights


def _styles(
    labels: LabelMap, own: Mapping[str, LabelStyle], transfer: TransferFunction, looks: dict[Style, int]
) -> Array:
    """Style of every voxel; new styles are added to ``looks``."""
    numbers = {segment.name: segment.number for segment in labels.segments}
    table = np.zeros(int(labels.labels.max(initial=0)) + 1, dtype=np.uint8)
    for name, style in own.items():
        if name not in numbers:
            raise InputError(f"no segment {name!r} here; there are: {', '.join(numbers)}")
        number = looks.setdefault((style.transfer or transfer, float(style.opacity)), len(looks))
        if number >= MOST_STYLES:
            raise ParameterError(f"a picture has at most {MOST_STYLES} styles")
        if numbers[name] < table.size and style.visible:
            table[numbers[name]] = number
    return table[labels.labels] if table.any() else NOWHERE


def _without_hidden(labels: LabelMap, own: Mapping[str, LabelStyle], shown: Array | None) -> Array | None:
    """The mask without the structures that are not visible."""
    hidden = [name for name, style in own.items() if not style.visible]
    if not hidden:
        return shown
    kept = np.ones(labels.labels.shape, dtype=np.uint8) if shown is None else shown.copy()
    for name in hidden:
        kept[labels.mask(name)] = 0
    return kept


def _seen(
    volume: Volume, looks: tuple[Style, ...], optics: Optics, weights: Array, styles: Array
) -> tuple[Array, Array]:
    """Seen blocks and distances; kept where they depend on the volume and the transfer function alone."""
    plain = weights is NOWHERE and styles is NOWHERE
    kept = _SEEN.setdefault(volume, {}) if plain else {}
    if looks not in kept:
        bricks = bricks_of(volume)
        bits = np.empty(bricks.low.shape, dtype=np.uint64)
        scale = (optics.low, 1 / optics.bin_width)
        seen_blocks(volume.voxels, weights, styles, bricks.low, bricks.high, optics.table, scale, bits)
        leap = np.empty((8, *bits.shape), dtype=np.uint8)
        forward_distances(bits, leap)
        while len(kept) >= KEPT:
            del kept[next(iter(kept))]
        kept[looks] = (bits, leap)
    return kept[looks]
