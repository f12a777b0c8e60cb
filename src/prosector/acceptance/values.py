"""What an acceptance test finds: rows of truth, finding, error and limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from prosector.datasets.test_objects import Phantom


@dataclass(frozen=True, slots=True)
class Row:
    """One number of one test object.

    Parameters
    ----------
    case : str
        Test object and grid.
    measure, of, unit : str
    definition : str
        How the number is worked out.
    truth, found : float
        ``found`` is NaN where nothing could be measured.
    limit : float
        Largest deviation that passes, in ``unit``; a lower bound on ``found`` where ``at_least``.
    rule : str
        The limit in words.
    labels : str
        Whether the structure was segmented ("found") or its true labels were given ("given").
    at_least : bool
    note : str
        Why nothing was found.
    """

    case: str
    measure: str
    of: str
    unit: str
    definition: str
    truth: float
    found: float
    limit: float
    rule: str
    labels: str = "found"
    at_least: bool = False
    note: str = ""

    @property
    def error(self) -> float:
        """Found minus true."""
        return self.found - self.truth

    @property
    def error_percent(self) -> float:
        """Error in percent of the truth; NaN where that is 0."""
        return 100 * self.error / self.truth if self.truth else math.nan

    @property
    def passed(self) -> bool:
        """Whether it is within its limit."""
        if not math.isfinite(self.found):
            return False
        return self.found >= self.limit if self.at_least else abs(self.error) <= self.limit


@dataclass(frozen=True)
class Acceptance:
    """A whole test.

    Parameters
    ----------
    rows : tuple of Row
    left_out : tuple of str
        Cases that this version cannot measure.
    seed : int
    quick : bool
    seconds : float
    started_utc : str
    machine, versions : mapping
    """

    rows: tuple[Row, ...]
    left_out: tuple[str, ...]
    seed: int
    quick: bool
    seconds: float
    started_utc: str
    machine: Mapping[str, str | int]
    versions: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether there are rows and all of them pass."""
        return bool(self.rows) and all(row.passed for row in self.rows)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A test object of the acceptance test with the words for its grid."""

    phantom: Phantom
    words: str

    @property
    def voxel_mm(self) -> float:
        """Side of a cube of a voxel's volume."""
        return float(self.phantom.volume.geometry.voxel_volume_mm3 ** (1 / 3))
