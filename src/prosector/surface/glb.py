"""Binary glTF 2.0 (Khronos, The GL Transmission Format), of one mesh.

VTK's writer is made for city models: it leaves no room for a scale, a rotation or a remark. glTF counts in
metres with +Y up and +Z to the front; the mesh stays in millimetres of patient space, and its node says how
to turn and shrink it, so that viewers show the patient upright and facing them.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from prosector.errors import FileFormatError
from prosector.model.geometry import Array
from prosector.model.mesh import Mesh
from prosector.surface.value_colors import value_colors

_HALF = 0.5**0.5
ROTATIONS = {"LPS": (-_HALF, 0.0, 0.0, _HALF), "RAS": (0.0, _HALF, _HALF, 0.0)}
"""Patient space to left, superior, anterior, as quaternions (x, y, z, w)."""

_FLOAT, _UNSIGNED, _UNSIGNED_BYTE = 5126, 5125, 5121
_HEAD = struct.Struct("<4sIII4s")


def write_glb(path: Path, mesh: Mesh, remark: str, space: str) -> None:
    """Write positions, normals and triangles, and colours where the mesh has values."""
    parts: tuple[Array, ...] = (
        mesh.vertices_lps.astype("<f4"),
        mesh.normals_lps.astype("<f4"),
        mesh.faces.astype("<u4"),
    )
    if mesh.values is not None:
        parts = (*parts, _linear_colors(value_colors(mesh)))
    content = json.dumps(_content(parts, remark, space), separators=(",", ":")).encode()
    content += b" " * (-len(content) % 4)
    size = sum(part.nbytes for part in parts)
    with path.open("wb") as file:
        file.write(_HEAD.pack(b"glTF", 2, _HEAD.size + len(content) + 8 + size, len(content), b"JSON"))
        file.write(content)
        file.write(struct.pack("<I4s", size, b"BIN\0"))
        for part in parts:
            file.write(part.tobytes())


def read_glb(path: Path) -> tuple[Array, Array]:
    """Vertices and faces of a file as :func:`write_glb` writes it.

    Raises
    ------
    FileFormatError
        If it is not one, or not whole.
    """
    data = path.read_bytes()
    try:
        magic, version, size, length, kind = _HEAD.unpack_from(data)
        content = json.loads(data[_HEAD.size : _HEAD.size + length])
        views, accessors = content["bufferViews"], content["accessors"]
        binary = data[_HEAD.size + length + 8 :]
        if (magic, version, size, kind, len(accessors) in (3, 4)) != (b"glTF", 2, len(data), b"JSON", True):
            raise ValueError
        positions = np.frombuffer(binary, "<f4", 3 * accessors[0]["count"], views[0]["byteOffset"])
        corners = np.frombuffer(binary, "<u4", accessors[2]["count"], views[2]["byteOffset"])
        return positions.reshape(-1, 3).astype(np.float32), corners.reshape(-1, 3).astype(np.int32)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise FileFormatError("it holds something else") from error


def _linear_colors(colors: Array) -> Array:
    """(n, 4) uint8: glTF wants vertex colours linear (section 3.7.2.1); four numbers keep rows on whole words."""
    share = colors / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    opaque = np.full((len(colors), 1), 255, dtype=np.uint8)
    return np.hstack([np.rint(linear * 255).astype(np.uint8), opaque])


def _content(parts: tuple[Array, ...], remark: str, space: str) -> dict[str, Any]:
    vertices, normals, faces, *colors = parts
    starts = np.cumsum([0, *(part.nbytes for part in parts)]).tolist()
    views: list[dict[str, Any]] = [
        {"buffer": 0, "byteOffset": start, "byteLength": part.nbytes, "target": 34963 if part is faces else 34962}
        for start, part in zip(starts, parts, strict=False)
    ]
    low, high = (limit.astype(np.float64).tolist() for limit in (vertices.min(axis=0), vertices.max(axis=0)))
    accessors = [
        {"bufferView": 0, "componentType": _FLOAT, "count": len(vertices), "type": "VEC3", "min": low, "max": high},
        {"bufferView": 1, "componentType": _FLOAT, "count": len(normals), "type": "VEC3"},
        {"bufferView": 2, "componentType": _UNSIGNED, "count": faces.size, "type": "SCALAR"},
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}
    if colors:
        accessors.append({"bufferView": 3, "componentType": _UNSIGNED_BYTE, "count": len(vertices), "type": "VEC4",
                          "normalized": True})  # fmt: skip
        primitive["attributes"] = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 3}
    base = [1.0, 1.0, 1.0, 1.0] if colors else [0.89, 0.85, 0.76, 1.0]
    look = {"baseColorFactor": base, "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {
        "asset": {"version": "2.0", "generator": remark},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": remark, "mesh": 0, "rotation": ROTATIONS[space], "scale": [0.001] * 3}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": look}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1]}],
    }
