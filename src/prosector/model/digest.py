"""The identity of a value: sha256 over its content, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from prosector.model.camera import Camera
from prosector.model.centerlines import Centerlines
from prosector.model.cine import Cine
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap
from prosector.model.measurement import Measurement, Measurements
from prosector.model.mesh import Mesh
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spare space; NaN and infinity are refused."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Volume | LabelMap | Mesh | Rendering | Cine | Measurements | Centerlines) -> str:
    """Hexadecimal sha256 of a value's arrays, geometry and names."""
    h = hashlib.sha256()
    match value:
        case Volume():
            _feed(h, "volume", value.voxels, *_grid(value.geometry), value.unit)
        case LabelMap():
            segments = [[s.number, s.name, s.structure.name] for s in value.segments]
            _feed(h, "labels", value.labels, *_grid(value.geometry), canonical_json(segments))
        case Mesh():
            _feed(h, "mesh", value.vertices_lps, value.faces, value.normals_lps)
            if value.values is not None:
                _feed(h, value.values, value.quantity, value.unit)
        case Rendering():
            _feed(h, "rendering", value.pixels, _pose(value.camera), value.method, value.preset)
        case Cine():
            poses = np.stack([_pose(camera) for camera in value.cameras])
            times = np.array([value.frame_time_ms])
            _feed(h, "cine", value.frames, poses, times, value.method, value.preset, value.motion)
        case Measurements():
            items = [_said(item) for item in value.items]
            curves = [[c.name, c.of, [list(column) for column in c.columns]] for c in value.curves]
            transforms = [[t.name, t.of] for t in value.transforms]
            _feed(h, "measurements", canonical_json([items, curves, transforms, list(value.warnings)]))
            _feed(h, *(c.values for c in value.curves), *(t.matrix for t in value.transforms))
        case Centerlines():
            joints = [[b.start, b.end, b.name] for b in value.branches]
            _feed(h, "centerlines", value.nodes_lps, value.of, canonical_json(joints))
            _feed(h, *(part for b in value.branches for part in (b.points_lps, b.radii_mm)))
    return h.hexdigest()


def _said(m: Measurement) -> list[Any]:
    parts = [[c.source, c.half_width] for c in m.contributions]
    where = [list(point) for point in m.where_lps]
    return [m.definition.name, m.definition.unit, m.value, m.of, parts, where, list(m.warnings)]


def _pose(c: Camera) -> np.ndarray[Any, Any]:
    return np.concatenate([c.center_lps, c.forward_lps, c.up_lps, [c.height_mm, c.view_angle_deg]])


def _grid(geometry: Geometry) -> tuple[np.ndarray[Any, Any], str]:
    return geometry.affine, geometry.frame_of_reference_uid


def _feed(h: hashlib._Hash, *parts: str | np.ndarray[Any, Any]) -> None:
    for part in parts:
        if isinstance(part, str):
            h.update(f"s{len(part.encode())}:".encode() + part.encode())
        else:
            little = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
            h.update(f"a{little.dtype.str}{little.shape}:".encode())
            h.update(little.data)
