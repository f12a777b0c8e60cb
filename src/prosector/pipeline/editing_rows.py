"""Edits of segmentations: each a step that replays to the same voxels."""

from __future__ import annotations

from prosector.pipeline.operation import Operation

EDITING_ROWS: tuple[Operation, ...] = ()
