"""The fragment measurement as OPERATIONS calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prosector.errors import ParameterError
from prosector.model.measurement import Measurements


def measure(inputs: Mapping[str, Any], settings: dict[str, Any]) -> Measurements:
    """Measure fragments; ``mirror`` names the intact bone of the other side, ``intact`` one that lies in place."""
    import numpy as np

    from prosector.measurement.fragments import Place, measure_fragments

    mirror, intact, numbers = settings["mirror"], settings["intact"], settings["mirror_plane_lps"]
    if mirror and intact:
        raise ParameterError("give mirror or intact, not both: one bone shows where the fragments belong")
    if numbers and not mirror:
        raise ParameterError("mirror_plane_lps needs mirror: the name of the intact bone of the other side")
    plane = (np.array(numbers[:3]), np.array(numbers[3:])) if numbers else None
    place = Place(mirror or intact, bool(mirror), plane) if mirror or intact else None
    return measure_fragments(
        inputs["labels"],
        inputs.get("volume"),
        fragments=settings["fragments"],
        reference=settings["reference"],
        place=place,
        reach_mm=settings["reach_mm"],
    )
