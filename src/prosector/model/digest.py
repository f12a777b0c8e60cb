"""The identity of a value: sha256 over its content, the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from prosector.model.camera import Camera
from prosector.model.cine import Cine
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap
from prosector.model.mesh import Mesh
from prosector.model.rendering import Rendering
from prosector.model.volume import Volume


def canonical_json(data: Any) -> str:
    """JSON with sorted keys and no spare space; NaN and infinity are refused."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Volume | LabelMap | Mesh | Rendering | Cine) -> str:
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
        case Rendering():
            _feed(h, "rendering", value.pixels, _pose(value.camera), value.method, value.preset)
        case Cine():
            poses = np.stack([_pose(camera) for camera in value.cameras])
            times = np.array([value.frame_time_ms])
            _feed(h, "cine", value.frames, poses, times, value.method, value.preset, value.motion)
    return h.hexdigest()


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
