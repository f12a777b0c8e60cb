"""A look at pictures written as DICOM."""

import numpy as np
import pytest
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from prosector.dicom.preview import read_preview
from prosector.errors import PixelDataError


def written(path, pixels, **attributes):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    color = pixels.ndim > 2
    ds.Rows, ds.Columns = pixels.shape[-3:-1] if color else pixels.shape[-2:]
    ds.SamplesPerPixel = 3 if color else 1
    ds.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.PixelData = pixels.tobytes()
    ds.save_as(path, enforce_file_format=True)
    return path


def test_color_is_shown_as_it_is(tmp_path):
    frames = np.random.default_rng(1).integers(0, 256, (3, 4, 6, 3), dtype=np.uint8)
    assert np.array_equal(read_preview(written(tmp_path / "a.dcm", frames[0])), frames[0])
    assert np.array_equal(read_preview(written(tmp_path / "b.dcm", frames, NumberOfFrames=3)), frames[0])


@pytest.mark.parametrize(("photometric", "expected"), [("MONOCHROME2", [0, 128, 255]), ("MONOCHROME1", [255, 128, 0])])
def test_gray_goes_through_rescale_and_window(tmp_path, photometric, expected):
    stored = np.array([[-1024, 1024 + 40, 3000], [-1024, 1024 + 40, 3000]], np.int16)
    file = written(tmp_path / "c.dcm", stored, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=[40, 50],
                   WindowWidth=[401, 2], PhotometricInterpretation=photometric)  # fmt: skip
    assert np.abs(read_preview(file)[0, :, 0].astype(int) - expected).max() <= 1


def test_gray_without_a_window_spans_its_values(tmp_path):
    file = written(tmp_path / "d.dcm", np.array([[10, 20], [30, 30]], np.uint8))
    assert read_preview(file)[..., 2].tolist() == [[0, 128], [255, 255]]


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "e.dcm").write_bytes(b"no picture")
    with pytest.raises(PixelDataError, match=r"e\.dcm holds no picture"):
        read_preview(tmp_path / "e.dcm")
