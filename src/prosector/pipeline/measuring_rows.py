"""Measurements of points, segments and distances."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

MEASURING_ROWS: tuple[Operation, ...] = ()
