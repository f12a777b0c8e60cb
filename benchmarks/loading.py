"""Scan and load, beside SimpleITK, dcm2niix, dicomsdl and a plain pydicom loop.

asv-shaped: ``time_*`` and ``peakmem_*`` methods over ``params``. ``python -m benchmarks.loading`` runs them all in
one process, peers alternating with ours so that a machine whose speed drifts drifts for all, and prints medians.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import UID

import prosector
from benchmarks.timing import alternate, medians
from prosector.datasets.registry import data_folder

DATA = data_folder()
SERIES = {"chest_cta": "chest_cta/dicom", "mr_brain": "mr_brain_mprage", "abdomen": "ct_abdomen_portal/image"}
ENCODINGS = {
    "native": "",
    "JPEG lossless": "1.2.840.10008.1.2.4.70",
    "JPEG 2000": "1.2.840.10008.1.2.4.90",
    "JPEG-LS": "1.2.840.10008.1.2.4.80",
    "RLE": "1.2.840.10008.1.2.5",
}
ROUNDS = int(os.environ.get("PROSECTOR_BENCH_ROUNDS", "7"))


def recompressed(source: Path, target: Path, syntax: str) -> Path:
    """A copy of a series in another transfer syntax; made once."""
    if (target / ".done").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    for series in prosector.scan(source).series:
        for n, header in enumerate(series.headers):
            dataset = pydicom.dcmread(header.blob.path)
            if "PixelData" not in dataset or dataset.file_meta.TransferSyntaxUID.is_compressed:
                continue
            plane = dataset.pixel_array
            dataset.file_meta.TransferSyntaxUID = UID(syntax)
            dataset.PixelData = encapsulate([_encode(syntax, plane)])
            dataset["PixelData"].VR = "OB"
            dataset.save_as(target / f"{n:05d}.dcm", enforce_file_format=True)
    (target / ".done").touch()
    return target


def _encode(syntax: str, plane: np.ndarray) -> bytes:
    import imagecodecs

    if syntax.endswith(".1.2.5"):
        dataset = pydicom.Dataset()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        from pydicom.pixels.encoders.base import EncodeRunner
        from pydicom.pixels.encoders.native import _encode_frame  # pydicom's own encoder, for one frame

        runner = EncodeRunner(UID(syntax))
        runner.set_options(
            rows=plane.shape[0], columns=plane.shape[1], samples_per_pixel=1, number_of_frames=1,
            bits_allocated=16, bits_stored=16, pixel_representation=int(plane.dtype.kind == "i"),
            photometric_interpretation="MONOCHROME2",
        )  # fmt: skip
        return bytes(_encode_frame(plane.tobytes(), runner))
    unsigned = plane.view(np.uint16)
    if syntax.endswith(".70"):
        return bytes(imagecodecs.ljpeg_encode(unsigned))
    if syntax.endswith(".80"):
        return bytes(imagecodecs.jpegls_encode(unsigned))
    return bytes(imagecodecs.jpeg2k_encode(plane, level=0, codecformat="J2K"))


# --- peers ----------------------------------------------------------------------------------------------------


def load_prosector(folder: Path) -> None:
    prosector.read_series(folder)


def load_simpleitk(folder: Path) -> None:
    import SimpleITK as sitk

    sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))


def load_pydicom(folder: Path) -> None:
    slices = [pydicom.dcmread(f) for f in folder.iterdir() if not f.name.startswith(".") and f.stat().st_size > 4096]
    slices = [s for s in slices if "PixelData" in s]
    slices.sort(key=lambda s: float(s.ImagePositionPatient[2]))
    np.stack([s.pixel_array for s in slices])


def load_dicomsdl(folder: Path) -> None:
    import dicomsdl

    planes = []
    for file in folder.iterdir():
        if file.name.startswith(".") or file.stat().st_size < 4096:
            continue
        dataset = dicomsdl.open(str(file))
        if dataset.getDataElement("PixelData"):
            planes.append((dataset.ImagePositionPatient, dataset.pixelData(storedvalue=True)))
    np.stack([plane for _, plane in sorted(planes, key=lambda p: p[0][2])])


def load_dcm2niix(folder: Path) -> None:
    import dcm2niix

    with tempfile.TemporaryDirectory() as out:
        command = [dcm2niix.bin, "-z", "n", "-b", "n", "-o", out, str(folder)]
        subprocess.run(command, check=True, capture_output=True)


def load_bytes(folder: Path) -> None:
    """The floor: read the same bytes."""
    for file in folder.iterdir():
        file.read_bytes()


PEERS: dict[str, Callable[[Path], None]] = {
    "prosector": load_prosector,
    "SimpleITK": load_simpleitk,
    "dicomsdl": load_dicomsdl,
    "pydicom loop": load_pydicom,
    "dcm2niix (writes a file)": load_dcm2niix,
    "plain read of the bytes": load_bytes,
}
COMPRESSED_PEERS = {
    "JPEG lossless": ("prosector", "SimpleITK"),  # a plain pydicom loop has no decoder for these two
    "JPEG-LS": ("prosector", "SimpleITK"),
    "JPEG 2000": ("prosector", "SimpleITK", "pydicom loop"),
    "RLE": ("prosector", "SimpleITK", "pydicom loop"),
}


def peers_of(encoding: str) -> dict[str, Callable[[Path], None]]:
    """Who can read the encoding."""
    return PEERS if encoding == "native" else {name: PEERS[name] for name in COMPRESSED_PEERS[encoding]}


class Load:
    """asv: load a series; ``series`` × ``encoding``."""

    params = (list(SERIES), list(ENCODINGS))
    param_names = ("series", "encoding")

    def setup(self, series: str, encoding: str) -> None:
        source = DATA / SERIES[series]
        target = Path(tempfile.gettempdir()) / "prosector-bench" / series / encoding.replace(" ", "-")
        self.folder = recompressed(source, target, ENCODINGS[encoding]) if ENCODINGS[encoding] else source

    def time_prosector(self, _series: str, _encoding: str) -> None:
        load_prosector(self.folder)

    def time_simpleitk(self, _series: str, _encoding: str) -> None:
        load_simpleitk(self.folder)

    def time_scan(self, _series: str, _encoding: str) -> None:
        prosector.scan(self.folder)

    def peakmem_prosector(self, _series: str, _encoding: str) -> None:
        load_prosector(self.folder)


def rows(rounds: int) -> Iterator[dict[str, Any]]:
    """What was measured, for every series that is here and every encoding."""
    for series, encoding in product(SERIES, ENCODINGS):
        if not (DATA / SERIES[series]).is_dir():
            continue
        bench = Load()
        bench.setup(series, encoding)
        runs = {name: partial(load, bench.folder) for name, load in peers_of(encoding).items()}
        seconds = alternate(runs, rounds)
        case = f"load, {encoding}"
        yield {"case": case, "size": None, "view": series, "seconds": seconds, "medians": medians(seconds)}


def main() -> None:
    """Print a Markdown table for each series."""
    for row in rows(ROUNDS):
        ours = row["medians"]["prosector"]
        print(f"\n{row['view']}, {row['case']}\n\n| reader | median s | times ours |\n|---|---|---|")
        for name, value in row["medians"].items():
            print(f"| {name} | {value:.3f} | {value / ours:.2f} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
