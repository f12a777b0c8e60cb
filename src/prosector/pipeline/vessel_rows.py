"""Operations that find and follow vessels."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

VESSEL_ROWS: tuple[Operation, ...] = ()
