"""Segmentations as 3D Slicer stores them (``.seg.nrrd``), written and read.

Each segment has an ID, a name, a colour, a label value, and the layer (of a list axis) in which it lies; what it is
stands in a tag as category, type and modifier of the type. Segments of different layers may overlap. A label map
holds one label for each voxel, so a file whose segments overlap is read as several label maps, one for each layer.

Algorithm and coarse name travel in tags of our own, which 3D Slicer keeps and passes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from prosector.errors import FileFormatError, ParameterError
from prosector.exchange.grids import conformed
from prosector.exchange.label_names import IMPORTED, imported_segment, structure_of
from prosector.exchange.nrrd import Nrrd, read_nrrd, write_nrrd
from prosector.kernels.label_boxes import label_boxes
from prosector.model.geometry import Geometry
from prosector.model.labels import LabelMap, Segment
from prosector.model.structures import ANATOMICAL, BODY_STRUCTURE, Code, Structure, structure_coded

CONTEXT = "Segmentation category and type - DICOM master list"
REGIONS = "Anatomic codes - DICOM master list"
TERMINOLOGY = "TerminologyEntry"
ALGORITHM_TYPE, ALGORITHM_NAME = "Prosector.AlgorithmType", "Prosector.AlgorithmName"


def write_labels_seg_nrrd(path: str | Path, labelmap: LabelMap, *more: LabelMap) -> None:
    """Write label maps of one grid as ``.seg.nrrd``, each as a layer.

    Parameters
    ----------
    path : path
        Ends in .seg.nrrd.
    labelmap : LabelMap
    *more : LabelMap
        On the same grid, for segments that overlap.

    Raises
    ------
    ParameterError
        If the name ends otherwise.
    GeometryError
        If they lie on several grids.
    OutputError
        If the file cannot be written.
    """
    path, maps = Path(path), (labelmap, *more)
    if not path.name.lower().endswith(".seg.nrrd"):
        raise ParameterError(f"a segmentation of 3D Slicer has a name that ends in .seg.nrrd; found {path.name!r}")
    for other in more:
        labelmap.geometry.require_same(other.geometry, "another layer")
    dtype = np.result_type(*(m.labels.dtype for m in maps))
    layers = labelmap.labels if not more else np.stack([m.labels.astype(dtype) for m in maps], axis=-1)
    keys: dict[str, str] = {}
    for layer, each in enumerate(maps):
        for segment, box in zip(each.segments, _extents(each), strict=True):
            keys |= _fields(f"Segment{sum(k.endswith('_ID') for k in keys)}_", segment, layer, box)
    keys |= {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    write_nrrd(path, layers, labelmap.geometry.affine, keys)


def read_labels_seg_nrrd(path: str | Path, geometry: Geometry) -> LabelMap:
    """Read a ``.seg.nrrd`` whose segments do not overlap, in one layer or several.

    Parameters
    ----------
    path : path
    geometry : Geometry
        The volume's grid. The file may hold a crop of it, as 3D Slicer makes; its voxels are put in place exactly.

    Returns
    -------
    LabelMap
        Label values are the file's, as long as no two segments have the same; else they are numbered from 1.

    Raises
    ------
    FileFormatError
        If the file is no segmentation, or its segments overlap.
    GeometryError
        If its voxels are not those of the grid.
    """
    maps = read_seg_nrrd_layers(path, geometry)
    if len(maps) == 1:
        return maps[0]
    segments = [s for m in maps for s in m.segments]
    distinct = len({s.number for s in segments}) == len(segments)
    numbers = [s.number if distinct else n for n, s in enumerate(segments, 1)]
    labels = np.zeros(geometry.shape, dtype=np.uint8 if max(numbers, default=0) < 256 else np.uint16)
    given = iter(numbers)
    for layer in maps:
        table = np.zeros(65536, dtype=labels.dtype)
        for segment in layer.segments:
            table[segment.number] = next(given)
        mapped = table[layer.labels]
        if ((labels > 0) & (mapped > 0)).any():
            raise FileFormatError(
                f"{Path(path).name}: its segments overlap, and a label map holds one label for each voxel; read its "
                "layers one by one with read_seg_nrrd_layers"
            )
        labels |= mapped
    renumbered = [
        Segment(n, s.name, s.structure, s.algorithm_type, s.algorithm_name)
        for n, s in zip(numbers, segments, strict=True)
    ]
    return LabelMap(labels, geometry, tuple(renumbered))


def read_seg_nrrd_layers(path: str | Path, geometry: Geometry) -> tuple[LabelMap, ...]:
    """Read a ``.seg.nrrd`` as one label map for each of its layers; see :func:`read_labels_seg_nrrd`."""
    path = Path(path)
    content = read_nrrd(path)
    rows = list(_rows(content.keys))
    if not rows:
        raise FileFormatError(f"{path.name}: no Segment0_ID; this NRRD file is no segmentation of 3D Slicer")
    maps = []
    for layer in range(len(content.layers)):
        here = [row for row in rows if row["Layer"] == str(layer)]
        maps.append(_layer(path.name, content, layer, here, geometry))
    return tuple(maps)


def _layer(name: str, content: Nrrd, layer: int, rows: Sequence[Mapping[str, str]], geometry: Geometry) -> LabelMap:
    data = content.layers[layer]
    if int(data.min()) < 0 or int(data.max()) > 65535:
        raise FileFormatError(f"{name}: labels lie from 0 to 65535; found {data.min()} to {data.max()}")
    try:
        segments = tuple(_segment(row) for row in rows)
    except ValueError as error:
        raise FileFormatError(f"{name}: a segment's label value or colour is no number") from error
    numbers = [s.number for s in segments]
    if len(set(numbers)) != len(numbers) or min(numbers, default=1) < 1:
        raise FileFormatError(f"{name}: label values of a layer are distinct and start at 1; found {sorted(numbers)}")
    highest = max([int(data.max()), *numbers])
    labels = conformed(data, content.affine, geometry, name)
    labels = np.ascontiguousarray(labels, dtype=np.uint8 if highest < 256 else np.uint16)
    unnamed = sorted(set(np.flatnonzero(np.bincount(labels.ravel(), minlength=1)).tolist()) - {0} - set(numbers))
    segments += tuple(imported_segment(n, f"label {n}") for n in unnamed)
    return LabelMap(labels, geometry, segments)


def _rows(keys: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Fields of Segment0, Segment1, … without that prefix."""
    number = 0
    while f"Segment{number}_ID" in keys:
        prefix = f"Segment{number}_"
        # before 2020, every segment had a layer of its own, in which it was 1
        yield {"Layer": str(number), "LabelValue": "1"} | {
            key.removeprefix(prefix): value for key, value in keys.items() if key.startswith(prefix)
        }
        number += 1


def _segment(row: Mapping[str, str]) -> Segment:
    name = row.get("Name") or row["ID"]
    tags = dict(tag.partition(":")[::2] for tag in row.get("Tags", "").split("|") if tag)
    kind = tags.get(ALGORITHM_TYPE, "SEMIAUTOMATIC")
    algorithm = tags.get(ALGORITHM_NAME, "" if kind == "MANUAL" else IMPORTED)
    what = _structure(tags.get(TERMINOLOGY, ""), name, row.get("Color", ""))
    return Segment(int(row["LabelValue"]), name, what, kind, algorithm)


def _structure(terminology: str, name: str, color: str) -> Structure:
    """Our row where the codes are those of one, else one made of the file's codes and colour."""
    parts = terminology.split("~")
    codes = [_code(part) for part in parts[1:4]]
    if len(codes) < 3 or codes[0] is None or codes[1] is None:
        return structure_of(name)
    if codes[0].value == BODY_STRUCTURE:
        codes[0] = ANATOMICAL
    known = structure_coded(codes[0], codes[1], codes[2], name)
    if known is not None:
        return known
    rgb = [round(float(v) * 255) for v in color.split()] if len(color.split()) == 3 else [170, 170, 170]
    return Structure(codes[1].meaning.lower(), codes[0], codes[1], (rgb[0], rgb[1], rgb[2]), codes[2])


def _code(part: str) -> Code | None:
    words = part.split("^")
    return Code(words[1], words[0], words[2]) if len(words) == 3 and words[1] else None


def _fields(prefix: str, segment: Segment, layer: int, box: str) -> dict[str, str]:
    row = segment.structure
    codes = (row.category, row.type, row.modifier)
    coded = "~".join(f"{c.scheme}^{c.value}^{c.meaning}" if c else "^^" for c in codes)
    tags = [
        f"{TERMINOLOGY}:{CONTEXT}~{coded}~{REGIONS}~^^~^^",
        f"{ALGORITHM_TYPE}:{segment.algorithm_type}",
        f"{ALGORITHM_NAME}:{segment.algorithm_name.replace('|', '/')}",
    ]
    values = {
        "Color": " ".join(f"{c / 255:.6g}" for c in row.color_rgb),
        "ColorAutoGenerated": "0",
        "Extent": box,
        "ID": f"Segment_{layer}_{segment.number}",
        "LabelValue": str(segment.number),
        "Layer": str(layer),
        "Name": segment.name,
        "NameAutoGenerated": "0",
        "Tags": "|".join(tags) + "|",
    }
    return {prefix + key: value for key, value in values.items()}


def _extents(labelmap: LabelMap) -> list[str]:
    """First and last index of each segment along i, j and k, as 3D Slicer writes it; an empty one is ``0 -1 …``."""
    highest = max((s.number for s in labelmap.segments), default=0)
    boxes = np.empty((labelmap.labels.shape[0], max(highest, int(labelmap.labels.max())) + 1, 4), dtype=np.int32)
    label_boxes(labelmap.labels, boxes)
    texts = []
    for box in (boxes[:, s.number] for s in labelmap.segments):
        slices = np.flatnonzero(box[:, 1])
        if not slices.size:
            texts.append("0 -1 0 -1 0 -1")
            continue
        (j, _, i, _), (_, j_end, _, i_end) = box[slices].min(axis=0), box[slices].max(axis=0)
        texts.append(f"{i} {i_end - 1} {j} {j_end - 1} {slices[0]} {slices[-1]}")
    return texts
