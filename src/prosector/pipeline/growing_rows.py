"""Operations that grow, split and merge segments from what the user points at."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

GROWING_ROWS: tuple[Operation, ...] = ()
