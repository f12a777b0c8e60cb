"""Volumes from research formats: NIfTI, NRRD and MetaImage.

They have no DICOM source: no patient, no study, no images that derived DICOM could refer to. NIfTI places
voxels in RAS (x and y change sign); NRRD says which space it uses; MetaImage is LPS.
"""

from __future__ import annotations

import importlib
import math
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from prosector.errors import FileFormatError, MissingCodecError, ParameterError, SeriesChoiceError
from prosector.exchange.nifti import LPS_TO_RAS
from prosector.model.geometry import Array, Geometry
from prosector.model.source import Source
from prosector.model.volume import HOUNSFIELD, Volume, compact

NIFTI = (".nii", ".nii.gz")
ITK = (".nrrd", ".nhdr", ".mha", ".mhd")
ENDINGS = (*NIFTI, *ITK)
"""Endings of the files that can be read here."""

CT_BELOW = -500
"""Values below this are taken for Hounsfield units where nobody says what they are."""

MODALITIES = ("CT", "MR")

MAX_BYTES = 64 << 30
MOST_PACKED = 1100
"""gzip packs at most some thousand times."""

_MM_IN = {1: 1000.0, 2: 1.0, 3: 0.001}
"""NIfTI codes of metre, millimetre and micrometre."""

_BROKEN = (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error)


def is_volume_file(path: Path) -> bool:
    """Whether the name's ending is one of :data:`ENDINGS` and a file is there."""
    return path.name.lower().endswith(ENDINGS) and path.is_file()


def read_volume_file(path: str | Path, modality: str | None = None, volume: int | None = None) -> Volume:
    """Read a volume that is not DICOM.

    Parameters
    ----------
    path : path
        Ends in one of :data:`ENDINGS`.
    modality : str, optional
        ``CT`` (values are Hounsfield units) or ``MR``. The formats do not say; left out, it is taken from the
        values, and ``source.warnings`` says so.
    volume : int, optional
        Which volume of a four-dimensional file, from 1.

    Returns
    -------
    Volume
        Axis order (k, j, i), LPS affine; ``source.is_dicom`` is False.

    Raises
    ------
    FileFormatError
        If the file is not whole, or holds no volume.
    MissingCodecError
        If NRRD or MetaImage is asked for and the ``formats`` extra is not installed.
    SeriesChoiceError
        If it holds several volumes and none is chosen.
    """
    path = Path(path)
    if modality not in (None, *MODALITIES):
        raise ParameterError(f"a modality is one of {', '.join(MODALITIES)}; found {modality!r}")
    if not path.is_file():
        raise FileFormatError(f"cannot read {path}: there is no such file")
    lower = path.name.lower()
    if lower.endswith(NIFTI):
        values, affine = _read_nifti(path)
    elif lower.endswith(ITK):
        values, affine = _read_itk(path)
    else:
        raise FileFormatError(f"{path.name}: a volume file ends in one of {', '.join(ENDINGS)}")
    with np.errstate(over="ignore"):  # double values beyond float32 become infinite, and are said to be
        voxels = compact(_one_volume(values, volume, path.name))
    finite = np.isfinite(voxels) if voxels.dtype.kind == "f" else np.True_
    if not finite.any():
        raise FileFormatError(f"{path.name} holds no finite value")
    notes = ["read from a research file: no DICOM source, so derived DICOM cannot be written"]
    notes += [] if finite.all() else ["some values are not finite: they are shown as nothing"]
    if modality is None:
        modality = "CT" if voxels.min(where=finite, initial=0) < CT_BELOW else "MR"
        notes.append(f"the file does not say what its values are; by their range taken as {modality}")
    unit = HOUNSFIELD if modality == "CT" else "1"
    source = Source(modality=modality, warnings=tuple(notes))
    return Volume(voxels, Geometry(voxels.shape, affine), unit, source)


def _read_nifti(path: Path) -> tuple[Array, Array]:
    """Values with axes (…, k, j, i) and the affine from (k, j, i) to LPS."""
    try:
        image = nibabel.load(path)
        header = image.header
        _require_plausible(path, math.prod(map(int, image.shape)) * header.get_data_dtype().itemsize)
        if header.get_data_dtype().kind not in "iufb":
            raise FileFormatError(f"{path.name}: voxels are numbers; found {header.get_data_dtype()}")
        if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
            raise FileFormatError(
                f"{path.name}: neither sform nor qform says where the voxels lie; set one of them, or use the DICOM "
                "series"
            )
        values = _exact(image)
        to_mm = np.diag([_MM_IN.get(int(header["xyzt_units"]) & 7, 1.0)] * 3 + [1.0])
        affine = LPS_TO_RAS @ to_mm @ np.asarray(image.affine, dtype=np.float64)
    except FileFormatError:
        raise
    except (*_BROKEN, KeyError) as error:
        raise FileFormatError(f"cannot read {path.name}: not a whole NIfTI file") from error
    return values.T, affine[:, [2, 1, 0, 3]]


def _require_plausible(path: Path, size: int) -> None:
    """Raise before anything is allocated, where a file cannot hold what its header claims."""
    if size > MOST_PACKED * path.stat().st_size or size > MAX_BYTES:
        raise FileFormatError(f"{path.name}: its header claims {size >> 20} MiB; the file is damaged or not whole")


def _exact(image: Any) -> Array:
    """Stored values where scaling is the identity, scaled ones otherwise."""
    slope, inter = image.dataobj.slope, image.dataobj.inter
    stored: Array = np.asanyarray(image.dataobj.get_unscaled())
    if (slope, inter) == (1.0, 0.0):
        return stored
    if stored.dtype.kind in "iu" and slope == int(slope) and inter == int(inter):
        return np.asarray(stored.astype(np.int64) * int(slope) + int(inter))
    return np.asarray(stored * np.float64(slope) + inter)


def _read_itk(path: Path) -> tuple[Array, Array]:
    """Values with axes (…, k, j, i) and the affine from (k, j, i) to LPS."""
    try:
        sitk = importlib.import_module("SimpleITK")
    except ImportError:
        raise MissingCodecError(
            f"{path.name}: NRRD and MetaImage need a reader; install it with: pip install 'prosector[formats]'"
        ) from None
    try:
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        _refuse(path, reader, sitk)
        image = reader.Execute()
    except RuntimeError as error:
        raise FileFormatError(f"cannot read {path.name}: not a whole NRRD or MetaImage file") from error
    values = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        values = np.moveaxis(values, -1, 0)
    direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = (direction * np.array(image.GetSpacing()[:3]))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()[:3]
    return values, affine


def _refuse(path: Path, reader: Any, sitk: Any) -> None:
    """Raise for what is no volume, by the header alone."""
    keys = set(reader.GetMetaDataKeys())
    components, kind = reader.GetNumberOfComponents(), sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if reader.GetDimension() < 3:
        raise FileFormatError(f"{path.name}: a picture of {reader.GetDimension()} dimensions, not a volume")
    if components in (3, 4) and "8-bit unsigned" in kind:
        raise FileFormatError(f"{path.name}: colour is no CT or MR volume")
    if any(key.startswith("Segment0_") for key in keys):
        raise FileFormatError(f"{path.name}: a segmentation, not the volume that it belongs to")
    if path.name.lower().endswith((".nrrd", ".nhdr")) and "NRRD_space" not in keys:
        raise FileFormatError(
            f"{path.name}: no space field says which of its axes are left, posterior and superior; add one, such as "
            "space: left-posterior-superior"
        )
    if math.prod(reader.GetSize()) * components > MAX_BYTES:
        raise FileFormatError(f"{path.name}: its header claims {reader.GetSize()} voxels; the file is damaged")


def _one_volume(values: Array, volume: int | None, name: str) -> Array:
    if values.ndim < 3 or 0 in values.shape:
        raise FileFormatError(f"{name}: a volume has three dimensions; found shape {values.shape}")
    if values.dtype.kind not in "iufb":
        raise FileFormatError(f"{name}: voxels are numbers; found {values.dtype}")
    several = values.reshape(-1, *values.shape[-3:])
    if volume is None and len(several) > 1:
        raise SeriesChoiceError(f"{name} holds {len(several)} volumes; choose one (volume=…, --volume)")
    number = volume or 1
    if not 1 <= number <= len(several):
        raise SeriesChoiceError(f"there is no volume {number} in {name}; it holds {len(several)}")
    chosen = several[number - 1]
    return np.ascontiguousarray(chosen, dtype=chosen.dtype.newbyteorder("="))
