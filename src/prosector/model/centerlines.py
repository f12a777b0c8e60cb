"""Centrelines of vessels: branches between nodes, in patient space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prosector.errors import InputError
from prosector.model.geometry import Array, frozen


@dataclass(frozen=True, eq=False)
class Branch:
    """One stretch of a vessel without a bifurcation.

    Parameters
    ----------
    points_lps : (n, 3) float64 array
        LPS mm, from the start node to the end node, about evenly spaced; n is at least 2.
    radii_mm : (n,) float64 array
        Radius of the largest ball around each point that fits in the lumen.
    start, end : int
        Rows of the tree's nodes.
    name : str
    """

    points_lps: Array
    radii_mm: Array
    start: int = 0
    end: int = 1
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_lps", frozen(self.points_lps, np.float64))
        object.__setattr__(self, "radii_mm", frozen(self.radii_mm, np.float64))
        if self.points_lps.ndim != 2 or self.points_lps.shape[1] != 3 or len(self.points_lps) < 2:
            raise InputError("a branch has at least two points of three numbers")
        if self.radii_mm.shape != (len(self.points_lps),):
            raise InputError("a branch has one radius for each point")

    def arc_mm(self) -> Array:
        """(n,) length from the start to each point, mm."""
        steps = np.linalg.norm(np.diff(self.points_lps, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_mm(self) -> float:
        """From the first point to the last along the branch."""
        return float(self.arc_mm()[-1])


@dataclass(frozen=True, eq=False)
class Centerlines:
    """A centreline (one branch) or a tree of them.

    Parameters
    ----------
    branches : tuple of Branch
    nodes_lps : (m, 3) float64 array
        Ends and bifurcations, LPS mm.
    of : str
        The structure that they run in.
    """

    branches: tuple[Branch, ...]
    nodes_lps: Array
    of: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes_lps", frozen(np.asarray(self.nodes_lps).reshape(-1, 3), np.float64))
        ends = [n for b in self.branches for n in (b.start, b.end)]
        if ends and not (min(ends) >= 0 and max(ends) < len(self.nodes_lps)):
            raise InputError("a branch names a node that is not there")
