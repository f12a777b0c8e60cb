"""Presets: colour, opacity, windows and surface levels by name, kept as data in ``presets.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np

from prosector.errors import ParameterError, UnknownNameError
from prosector.model.transfer import Shading, TransferFunction
from prosector.model.volume import Volume
from prosector.model.window import Window

HOUNSFIELD = "CT"
RELATIVE = "MR"
MODALITIES = (HOUNSFIELD, RELATIVE)

METHOD_WORDS = MappingProxyType(
    {
        "mip": "Maximum intensity projection",
        "minip": "Minimum intensity projection",
        "average": "Average intensity projection",
        "sum": "Sum projection",
        "closest": "Closest-vessel projection",
        "depth": "Maximum intensity, red near to blue far",
        "volume": "Volume rendering",
        "surface": "Shaded surface",
    }
)
"""Every rendering method, with its name for people."""

SAMPLES_PER_AXIS = 96
"""The robust range is taken from at most this many voxels along each axis."""

BRIGHT_PERCENTILE = 99.5
"""The end of the robust range, as a percentile of the foreground."""


@dataclass(frozen=True, slots=True)
class ResolvedPreset:
    """What a preset comes to in the units of one volume.

    Parameters
    ----------
    name : str
        The preset that it comes from.
    transfer : TransferFunction
        For volume rendering.
    windows : mapping of method to Window
        For the projections ``mip``, ``minip`` and ``average``.
    level : float
        Value of the shaded surface.
    color_rgb : (3,) tuple of float
        The surface's colour, 0 to 1.
    """

    name: str
    transfer: TransferFunction
    windows: Mapping[str, Window]
    level: float
    color_rgb: tuple[float, float, float]

    @property
    def window(self) -> Window:
        """The window of the maximum intensity projection."""
        return self.windows["mip"]

    def window_for(self, method: str) -> Window:
        """The window of a projection method, or raise UnknownNameError."""
        if method not in self.windows:
            raise UnknownNameError("projection method", method, self.windows)
        return self.windows[method]


@dataclass(frozen=True, slots=True)
class Preset:
    """One row of ``presets.toml``.

    ``modality`` is ``CT``, and ``look`` in Hounsfield units, or ``MR``, and ``look`` in shares of a volume's
    robust range; :meth:`resolved` brings it into the volume's own units.
    """

    name: str
    description: str
    modality: str
    look: ResolvedPreset

    def resolved(self, volume: Volume) -> ResolvedPreset:
        """The preset in the volume's own units.

        Hounsfield presets are the same for every CT. MR ones are stretched over the volume's
        :func:`robust_range`.

        Raises
        ------
        ParameterError
            If the preset is for Hounsfield units and the volume is not in them, or the reverse; the
            message names the presets that fit.
        """
        if self.modality != modality_of(volume):
            found = "is in Hounsfield units" if volume.is_hounsfield else "is not in Hounsfield units"
            raise ParameterError(
                f"preset {self.name} does not fit: this {volume.source.modality} volume {found}; "
                f"choose one of: {', '.join(names(modality_of(volume)))}"
            )
        if self.modality == HOUNSFIELD:
            return self.look
        low, high = robust_range(volume)
        span = high - low
        windows = {m: Window(low + w.center * span, w.width * span) for m, w in self.look.windows.items()}
        return replace(
            self.look,
            transfer=self.look.transfer.scaled(low, high),
            windows=MappingProxyType(windows),
            level=low + self.look.level * span,
        )


def modality_of(volume: Volume) -> str:
    """Which presets fit a volume: ``CT`` where it is in Hounsfield units, ``MR`` for everything else."""
    return HOUNSFIELD if volume.is_hounsfield else RELATIVE


def names(modality: str | None = None) -> tuple[str, ...]:
    """Names of all presets, or of those for ``CT`` or ``MR``, in the order of the file."""
    return tuple(name for name, row in _presets().items() if modality in (None, row.modality))


def preset(name: str) -> Preset:
    """Return a preset, or raise UnknownNameError, which lists them."""
    if name not in _presets():
        raise UnknownNameError("preset", name, _presets())
    return _presets()[name]


def default_for(modality: str, method: str) -> str:
    """Name of the preset that is taken where none is chosen.

    Parameters
    ----------
    modality : str
        ``CT`` or ``MR`` as :func:`modality_of` says for a volume.
    method : str
        ``mip``, ``minip``, ``average``, ``volume`` or ``surface``.

    Raises
    ------
    UnknownNameError
        If there is no such modality or method.
    """
    if modality not in MODALITIES:
        raise UnknownNameError("modality", modality, MODALITIES)
    if method not in METHOD_WORDS:
        raise UnknownNameError("method", method, METHOD_WORDS)
    return str(_data()["defaults"][modality][method])


def robust_range(volume: Volume) -> tuple[float, float]:
    """Values that 0 and 1 of an MR preset stand for.

    0 is the value 0, or the 0.5th percentile where values go below it. 1 is the 99.5th percentile of the
    foreground: of what is brighter than the mean, so that the share of air around the patient does not
    matter. Taken from every n-th voxel along each axis, the same ones each time; NaN is passed over.
    """
    steps = tuple(slice(None, None, -(-n // SAMPLES_PER_AXIS)) for n in volume.voxels.shape)
    sample = volume.voxels[steps].astype(np.float64).ravel()
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low = min(0.0, float(np.percentile(sample, 0.5)))
    foreground = sample[sample > sample.mean()]
    high = float(np.percentile(foreground, BRIGHT_PERCENTILE)) if foreground.size else float(sample.max())
    return (low, high) if high > low else (low, low + 1.0)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("prosector.rendering").joinpath("presets.toml").read_text(encoding="utf-8"))


@cache
def _presets() -> Mapping[str, Preset]:
    return MappingProxyType({name: _parse(name, row) for name, row in _data()["presets"].items()})


def _parse(name: str, row: Mapping[str, Any]) -> Preset:
    transfer = TransferFunction(
        color=tuple((float(value), _rgb(text)) for value, text in row["color"]),
        opacity=_points(row["opacity"]),
        gradient_opacity=_points(row["gradient_opacity"]),
        shading=_shading(row["shading"]),
    )
    look = ResolvedPreset(
        name=name,
        transfer=transfer,
        windows=MappingProxyType({m: Window(float(c), float(w)) for m, (c, w) in row["windows"].items()}),
        level=float(row["surface"]["level"]),
        color_rgb=_rgb(row["surface"]["color"]),
    )
    return Preset(name, row["description"], row["modality"], look)


def _shading(row: Mapping[str, Any]) -> Shading:
    ambient, diffuse, specular, shininess = (
        float(row[name]) for name in ("ambient", "diffuse", "specular", "shininess")
    )
    return Shading(ambient, diffuse, specular, shininess)


def _points(rows: list[list[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(value), float(factor)) for value, factor in rows)


def _rgb(text: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red / 255, green / 255, blue / 255
