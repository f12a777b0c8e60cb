"""Measurements: numbers that carry their unit, their definition, their uncertainty and their place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from prosector.errors import InputError
from prosector.model.geometry import Array, frozen
from prosector.model.structures import Code

Point = tuple[float, float, float]
"""A place in LPS millimetres."""

UNIT_WORDS = {
    "[hnsf'U]": "HU",
    "[hnsf'U].mm3": "HU·mm³",
    "mm2": "mm²",
    "mm3": "mm³",
    "cm2": "cm²",
    "cm3": "cm³",
    "deg": "°",
    "1": "",
}
"""UCUM as people read it; units that are not here read as they are."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a number means: never just "diameter".

    Parameters
    ----------
    name : str
        As tables and the report write it, such as "maximum inscribed circle diameter".
    unit : str
        UCUM: ``mm``, ``mm2``, ``mm3``, ``deg``, ``%``, ``[hnsf'U]``, ``1``.
    text : str
        How it is worked out, in a sentence.
    source : str
        Paper or DICOM clause of the formula, where there is one.
    code, modifier : Code or None
        Coded concept and its modifier for DICOM structured reports.
    """

    name: str
    unit: str
    text: str
    source: str = ""
    code: Code | None = None
    modifier: Code | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of an uncertainty: where it comes from ("voxel spacing", "threshold ±25 HU") and its half width."""

    source: str
    half_width: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number.

    Parameters
    ----------
    definition : Definition
        Says the unit of ``value`` and of the contributions.
    value : float
        Finite.
    of : str
        What was measured: names of structures, or the user's name for it.
    contributions : tuple of Contribution
        Parts of the uncertainty, independent of each other.
    where_lps : tuple of Point
        The points that show it, LPS mm: ends of a distance, the rim of a section.
    warnings : tuple of str
        Why the data may not support it.
    """

    definition: Definition
    value: float
    of: str = ""
    contributions: tuple[Contribution, ...] = ()
    where_lps: tuple[Point, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError(f"{self.definition.name} of {self.of or 'this'} is not a finite number")

    @property
    def uncertainty(self) -> float | None:
        """Half width in the definition's unit, contributions added in quadrature; None where nothing is known."""
        if not self.contributions:
            return None
        return math.sqrt(sum(c.half_width**2 for c in self.contributions))


@dataclass(frozen=True, eq=False)
class Curve:
    """Numbers along something: diameters along a vessel, a histogram.

    Parameters
    ----------
    name, of : str
    columns : tuple of (name, UCUM unit)
        The first is the abscissa.
    values : (n, columns) float64 array
        NaN where a number could not be had.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    values: Array
    of: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values, np.float64))
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise InputError(f"a curve of {len(self.columns)} columns has as many numbers in a row")

    def column(self, name: str) -> Array:
        """The values of one column."""
        return np.asarray(self.values[:, [n for n, _ in self.columns].index(name)])


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """A rotation and translation in LPS mm: ``matrix`` (4, 4) takes points of ``of`` to where they belong."""

    name: str
    matrix: Array
    of: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", frozen(self.matrix, np.float64))
        turn = self.matrix[:3, :3]
        if self.matrix.shape != (4, 4) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6):
            raise InputError("a rigid transform is a 4 by 4 matrix whose 3 by 3 part is a rotation")


@dataclass(frozen=True, eq=False)
class Measurements:
    """What one measuring step found."""

    items: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()
    transforms: tuple[RigidTransform, ...] = ()
    warnings: tuple[str, ...] = ()

    def find(self, name: str, of: str | None = None) -> Measurement:
        """The first measurement whose definition has this name (and that is of this), or InputError."""
        for item in self.items:
            if item.definition.name == name and (of is None or item.of == of):
                return item
        there = ", ".join(sorted({i.definition.name for i in self.items})) or "nothing"
        raise InputError(f"no measurement {name!r}{f' of {of!r}' if of else ''} here; there is: {there}")
