"""Operations on centrelines: finding them, and measuring vessels along them."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

CENTERLINE_ROWS: tuple[Operation, ...] = ()
