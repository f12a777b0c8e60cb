"""Volumes and label maps as NIfTI-1, and label maps back.

NIfTI counts voxels (i, j, k) with i fastest and places them in RAS; Prosector counts (k, j, i) and places
them in LPS. The bytes of the voxels are the same either way; the affine's columns are swapped and the
signs of x and y change.

A tilted stack is a sheared affine. The sform holds it (code 1, scanner coordinates); the qform can only
hold rotations and is then left unset (code 0). Readers that insist on right angles, such as ITK, refuse
such a file.

Names and colours of labels travel in the XML label table that others read; names, codes and algorithms as
JSON in a second header extension, of kind "comment" (code 6), which other software passes over: one file,
which cannot be parted from its legend. Nothing of the
patient's identity is written. The gzip header has no name and no time, so the same value gives the same
bytes.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Extension, Nifti1Image
from nibabel.spatialimages import HeaderDataError

from prosector._version import __version__
from prosector.atomic import atomic_path
from prosector.errors import FileFormatError, ParameterError
from prosector.exchange.grids import conformed
from prosector.exchange.label_names import (
    imported_segment,
    numbered,
    read_color_table,
    read_label_table,
    table_beside,
    write_label_table,
)
from prosector.model.geometry import Array, Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import Code, Structure
from prosector.model.volume import Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

COMMENT = 6
"""NIfTI extension code of plain text."""

LABEL_TABLE = (0, 30)
"""Those of the XML label table: 0 (unknown) is what TotalSegmentator writes, and nibabel reads; 30 is Caret's own."""

LEGEND = "prosector-labels-1"
"""Marks our JSON among other comments."""

SCANNER = 1
"""sform and qform code: scanner coordinates."""

LABEL_LEVEL, VOLUME_LEVEL = 6, 1
"""gzip levels: labels shrink a lot at little cost; noise of voxels hardly shrinks more when given time."""


def write_labels_nifti(path: str | Path, labelmap: LabelMap) -> None:
    """Write a label map as ``.nii.gz`` or ``.nii`` (uint8 or uint16).

    Parameters
    ----------
    path : path
        Ends in .nii.gz or .nii.
    labelmap : LabelMap

    Raises
    ------
    ParameterError
        If the name ends otherwise.
    OutputError
        If the file cannot be written.
    """
    image = _image(labelmap.labels, labelmap.geometry)
    image.header.set_intent("label", name="labels", allow_unknown=False)
    table = write_label_table(labelmap.segments).encode("utf-8")
    image.header.extensions.append(Nifti1Extension(LABEL_TABLE[0], table))
    text = json.dumps({"format": LEGEND, "segments": [_legend(s) for s in labelmap.segments]}, sort_keys=True)
    image.header.extensions.append(Nifti1Extension(COMMENT, text.encode("ascii")))
    _write(Path(path), image, LABEL_LEVEL)


def write_volume_nifti(path: str | Path, volume: Volume) -> None:
    """Write a volume as ``.nii.gz`` or ``.nii``, in modality units and its own number type.

    Raises
    ------
    ParameterError
        If the name ends otherwise.
    OutputError
        If the file cannot be written.
    """
    _write(Path(path), _image(volume.voxels, volume.geometry), VOLUME_LEVEL)


def read_labels_nifti(path: str | Path, geometry: Geometry, names: str = "") -> LabelMap:
    """Read a label map that lies on the grid of a volume.

    The file's axes may be ordered or turned otherwise, as many programs store them, and it may hold a crop;
    voxels are brought into the grid's order and place, never interpolated.

    Names come from our own legend, else from the file's XML label table (as TotalSegmentator writes it), else from
    a table beside the file (see :func:`prosector.exchange.label_names.table_beside`), else from ``names``.

    Parameters
    ----------
    path : path
        NIfTI-1 or -2, gzipped or not; whole numbers from 0 to 65535.
    geometry : Geometry
        The volume's grid.
    names : str, optional
        A numbering to fall back on: ``totalsegmentator`` (version 2, task "total").

    Returns
    -------
    LabelMap
        Segments as the legend lists them, or, of other tables, those that occur; a label that nothing names
        becomes ``label N`` of unspecified tissue.

    Raises
    ------
    FileFormatError
        If the file is no NIfTI image of labels.
    GeometryError
        If its voxels are not those of the grid.
    UnknownNameError
        If there is no such numbering.
    """
    path = Path(path)
    image, data = _load(path)
    labels = conformed(data, LPS_TO_RAS @ image.affine, geometry, str(path))
    highest = int(labels.max())
    labels = np.ascontiguousarray(labels, dtype=np.uint8 if highest < 256 else np.uint16)
    return LabelMap(labels, geometry, _segments(labels, _read_legend(image), _table(image, path, names)))


def _image(array: Array, geometry: Geometry) -> Nifti1Image:
    affine = LPS_TO_RAS @ geometry.affine[:, [2, 1, 0, 3]]
    image = Nifti1Image(array.T, affine, dtype=array.dtype)
    image.set_sform(affine, code=SCANNER)
    if geometry.is_orthogonal:
        image.set_qform(affine, code=SCANNER)
    else:
        image.set_qform(None, code=0)
        image.header["pixdim"][1:4] = geometry.spacing_mm[::-1]
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = f"Prosector {__version__}".encode()
    return image


def _write(path: Path, image: Nifti1Image, level: int) -> None:
    if not path.name.endswith((".nii.gz", ".nii")):
        raise ParameterError(f"a NIfTI file's name ends in .nii.gz or .nii; found {path.name!r}")
    with atomic_path(path) as partial, partial.open("wb") as raw:
        if path.name.endswith(".nii"):
            image.to_stream(raw)
        else:
            with gzip.GzipFile("", "wb", level, raw, mtime=0) as packed:
                image.to_stream(cast(BinaryIO, packed))


def _legend(segment: Segment) -> dict[str, Any]:
    row = segment.structure
    return {
        "number": segment.number,
        "name": segment.name,
        "algorithm_type": segment.algorithm_type,
        "algorithm_name": segment.algorithm_name,
        "structure": {
            "name": row.name,
            "category": [row.category.value, row.category.scheme, row.category.meaning],
            "type": [row.type.value, row.type.scheme, row.type.meaning],
            "color_rgb": list(row.color_rgb),
            "modifier": row.modifier and [row.modifier.value, row.modifier.scheme, row.modifier.meaning],
        },
    }


def _load(path: Path) -> tuple[Nifti1Image, Array]:
    """The image and its voxels (i, j, k), which are whole numbers."""
    try:
        image = nibabel.load(path)
        if not isinstance(image, Nifti1Image):
            raise FileFormatError(f"{path} is no NIfTI file")
        data = np.asanyarray(image.dataobj)
    except FileNotFoundError as error:
        raise FileFormatError(f"cannot read {path}: there is no such file") from error
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error) as error:
        raise FileFormatError(f"cannot read {path}: not a whole NIfTI file") from error
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3 or 0 in data.shape:
        raise FileFormatError(f"{path}: labels are a three-dimensional image; found shape {data.shape}")
    if data.dtype.kind not in "buif":
        raise FileFormatError(f"{path}: labels are whole numbers; found {data.dtype}")
    if not np.isfinite([data.min(), data.max()]).all() or data.min() < 0 or data.max() > 65535:
        raise FileFormatError(f"{path}: labels lie from 0 to 65535; found {data.min()} to {data.max()}")
    if data.dtype.kind == "f" and any((plane != np.rint(plane)).any() for plane in data.T):
        raise FileFormatError(f"{path}: labels are whole numbers; this looks like an image or a probability map")
    return image, data


def _read_legend(image: Nifti1Image) -> dict[int, Segment]:
    """Segments by number from our extension; empty where there is none or it is not ours."""
    for extension in image.header.extensions:
        if extension.get_code() != COMMENT:
            continue
        try:
            legend = json.loads(extension.text)
            if legend["format"] == LEGEND:
                return {int(row["number"]): _segment(row) for row in legend["segments"]}
        except (ValueError, TypeError, KeyError):
            continue  # another program's comment
    return {}


def _segment(row: dict[str, Any]) -> Segment:
    kind = row["structure"]
    red, green, blue = (int(v) for v in kind["color_rgb"])
    side = Code(*kind["modifier"]) if kind.get("modifier") else None
    what = Structure(kind["name"], Code(*kind["category"]), Code(*kind["type"]), (red, green, blue), side)
    return Segment(int(row["number"]), row["name"], what, row["algorithm_type"], row["algorithm_name"])


def _table(image: Nifti1Image, path: Path, names: str) -> dict[int, Segment]:
    """Segments by number from another program's table, or from the numbering that was asked for."""
    fallback = numbered(names) if names else {}
    for extension in image.header.extensions:
        if extension.get_code() in LABEL_TABLE:
            named = read_label_table(extension.content.decode("utf-8", errors="replace"))
            if named:
                return {number: imported_segment(number, name) for number, name in named.items()}
    beside = table_beside(path)
    if beside is not None and (named := read_color_table(beside)):
        return {number: imported_segment(number, name) for number, name in named.items()}
    return fallback


def _segments(labels: Array, legend: dict[int, Segment], table: dict[int, Segment]) -> tuple[Segment, ...]:
    """Those of the legend, and for every other label that occurs that of the table, or a plain one."""
    present = np.zeros(65536, dtype=bool)
    for plane in labels:  # slice by slice: no sorted copy of the volume
        present[np.unique(plane)] = True
    found = dict(legend)
    for number in (int(n) for n in np.flatnonzero(present[1:]) + 1):
        if number not in found:
            found[number] = table.get(number) or imported_segment(number, f"label {number}")
    return tuple(found[number] for number in sorted(found))
