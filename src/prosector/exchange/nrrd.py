"""NRRD files, as far as segmentations need them: text header, then gzipped or plain bytes.

Written from the format's definition (teem.sourceforge.net/nrrd/format.html). Small enough to need no package; what
it cannot read it names.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prosector.atomic import atomic_path
from prosector.errors import FileFormatError
from prosector.model.geometry import Array

MAX_BYTES = 64 << 30
MOST_PACKED = 1100
"""gzip packs at most some thousand times."""

_TYPES = {
    "int8": ("int8", "int8_t", "signed char"),
    "uint8": ("uint8", "uint8_t", "uchar", "unsigned char"),
    "int16": ("int16", "int16_t", "short", "short int", "signed short", "signed short int"),
    "uint16": ("uint16", "uint16_t", "ushort", "unsigned short", "unsigned short int"),
    "int32": ("int32", "int32_t", "int", "signed int"),
    "uint32": ("uint32", "uint32_t", "uint", "unsigned int"),
}
_NUMPY = {word: name for name, words in _TYPES.items() for word in words}

_TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
}
_SPACES = {**_TO_LPS, "LPS": (1, 1, 1), "RAS": (-1, -1, 1), "LAS": (1, -1, 1)}


@dataclass(frozen=True, eq=False)
class Nrrd:
    """Content of a file.

    Parameters
    ----------
    layers : (n, i, j, k) array
        The first axis is 1 long where the file has no list axis.
    affine : (4, 4) array
        From (i, j, k) to LPS mm.
    keys : mapping
        Key and value pairs (``key:=value``).
    """

    layers: Array
    affine: Array
    keys: Mapping[str, str]


def read_nrrd(path: Path) -> Nrrd:
    """Read a NRRD file of whole numbers with three spatial axes, and at most one list axis before them.

    Raises
    ------
    FileFormatError
        If the file is not whole, or is something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: there is no such file") from error
    head = re.search(rb"\r?\n\r?\n", content)
    if not content.startswith(b"NRRD000") or head is None:
        raise FileFormatError(f"{path.name} is no NRRD file with its data in it")
    fields, keys = _parsed(content[: head.start()].decode("utf-8", errors="replace"))
    try:
        return _interpreted(path.name, fields, keys, content[head.end() :])
    except (KeyError, ValueError, IndexError) as error:
        raise FileFormatError(f"cannot read {path.name}: its NRRD header is not whole") from error


def write_nrrd(path: Path, layers: Array, affine: Array, keys: Mapping[str, str]) -> None:
    """Write (k, j, i) or (k, j, i, n) uint8 or uint16 labels, gzipped; the same content gives the same bytes.

    ``affine`` maps (k, j, i) to LPS mm. Several layers become a list axis, the fastest.
    """
    list_axis = layers.ndim == 4
    vectors = ["none"] * list_axis + [_vector(affine[:3, axis]) for axis in (2, 1, 0)]
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {_TYPES[layers.dtype.name][-1] if layers.dtype.name == 'uint8' else 'unsigned short'}",
        f"dimension: {layers.ndim}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, layers.shape[::-1]))}",
        f"space directions: {' '.join(vectors)}",
        f"kinds: {'list ' * list_axis}domain domain domain",
        *(["endian: little"] if layers.dtype.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {_vector(affine[:3, 3])}",
        *(f"{key}:={_escaped(value)}" for key, value in keys.items()),
    ]
    data = np.ascontiguousarray(layers, dtype=layers.dtype.newbyteorder("<"))
    with atomic_path(path) as partial, partial.open("wb") as raw:
        raw.write(("\n".join(lines) + "\n\n").encode("utf-8"))
        with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            packed.write(data.data)


def _parsed(header: str) -> tuple[dict[str, str], dict[str, str]]:
    fields, keys = {}, {}
    for line in header.splitlines()[1:]:
        if line.startswith("#"):
            continue
        key, said, value = line.partition(":=")
        field, found, rest = line.partition(": ")
        if said and (not found or len(key) < len(field)):
            keys[key] = value.replace("\\n", "\n").replace("\\\\", "\\")
        elif found:
            fields[field.strip().lower()] = rest.strip()
    return fields, keys


def _interpreted(name: str, fields: Mapping[str, str], keys: Mapping[str, str], packed: bytes) -> Nrrd:
    if "data file" in fields or "datafile" in fields:
        raise FileFormatError(f"{name}: its data lie in another file; save it as one file")
    sizes = [int(n) for n in fields["sizes"].split()]
    if fields["type"] not in _NUMPY:
        raise FileFormatError(f"{name}: labels are whole numbers; found type {fields['type']}")
    if len(sizes) not in (3, 4) or min(sizes) < 1:
        raise FileFormatError(f"{name}: labels have three dimensions, and one more for layers; found sizes {sizes}")
    if fields.get("space") not in _SPACES:
        raise FileFormatError(
            f"{name}: the space field says {fields.get('space')!r}; expected one of {', '.join(_TO_LPS)}"
        )
    vectors = re.findall(r"none|\([^)]*\)", fields["space directions"])
    if len(vectors) != len(sizes) or (len(sizes) == 4) != (vectors[0] == "none") or "none" in vectors[1:]:
        raise FileFormatError(f"{name}: only the first axis may have no direction; found {fields['space directions']}")
    affine = np.eye(4)
    columns = [_numbers(v) for v in (*vectors[-3:], fields["space origin"])]
    affine[:3] = np.diag(_SPACES[fields["space"]]) @ np.array(columns).T
    dtype = np.dtype(_NUMPY[fields["type"]]).newbyteorder(">" if fields.get("endian") == "big" else "<")
    length = int(np.prod(sizes, dtype=np.int64)) * dtype.itemsize
    if length > MAX_BYTES or length > MOST_PACKED * len(packed):
        raise FileFormatError(f"{name}: its header claims {length >> 20} MiB; the file is damaged or not whole")
    data = np.frombuffer(_unpacked(name, fields["encoding"], packed, length), dtype=dtype)
    array = data.reshape(sizes, order="F")
    return Nrrd(array if len(sizes) == 4 else array[None], affine, keys)


def _unpacked(name: str, encoding: str, packed: bytes, length: int) -> bytes:
    try:
        if encoding in ("gzip", "gz"):
            content = zlib.decompressobj(47).decompress(packed, length)  # 47: gzip or zlib; never more than claimed
        elif encoding in ("bzip2", "bz2"):
            content = bz2.BZ2Decompressor().decompress(packed, length)
        elif encoding == "raw":
            content = packed[:length]
        else:
            raise FileFormatError(f"{name}: encoding {encoding} is not read; save it gzipped or raw")
    except (zlib.error, OSError, EOFError) as error:
        raise FileFormatError(f"{name} is damaged: its data cannot be unpacked") from error
    if len(content) < length:
        raise FileFormatError(f"{name} is not whole: {len(content)} bytes of data where its header says {length}")
    return content


def _numbers(vector: str) -> list[float]:
    x, y, z = (float(v) for v in vector.strip("()").split(","))
    return [x, y, z]


def _vector(values: Array) -> str:
    return "(" + ",".join(repr(float(v)) for v in values) + ")"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")
