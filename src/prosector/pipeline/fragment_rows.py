"""Measurements of bone fragments."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

FRAGMENT_ROWS: tuple[Operation, ...] = ()
