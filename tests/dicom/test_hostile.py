"""Broken and hostile files: a clear error within seconds, bounded memory, and the rest still loads."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from series_writer import uid, values, write_series

import prosector
from prosector.errors import InputError, PixelDataError, ProsectorError

EXAMPLES = int(os.environ.get("PROSECTOR_FUZZ_EXAMPLES", "400"))
MEMORY_LIMIT = 200 << 20


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """One series of four slices, with sequences, private elements and padding; its files' bytes."""
    folder = tmp_path_factory.mktemp("pristine")

    def rich(k, dataset):
        inner = Dataset()
        inner.CodeValue, inner.CodeMeaning = "1", "one"
        outer = Dataset()
        outer.PurposeOfReferenceCodeSequence = Sequence([inner])
        dataset.SourceImageSequence = Sequence([outer, outer])
        dataset["SourceImageSequence"].is_undefined_length = bool(k % 2)
        dataset.add_new(0x00291010, "OB", b"\1\2" * 40)
        dataset.add_new("PixelPaddingValue", "SS", -2000)

    write_series(folder, values((4, 6, 8)), edit=rich)
    return [f.read_bytes() for f in sorted(folder.iterdir())]


def loads_or_says_why(folder):
    found = prosector.scan(folder)
    said, volume = "", None
    for series in found.series:
        said += json.dumps(series.summary())
    try:
        volume = prosector.read_series(folder)
    except ProsectorError as error:
        said += str(error)
    assert "SECRET" not in said.upper()
    if volume is None:
        return None
    assert volume.voxels.nbytes < MEMORY_LIMIT
    return volume


def write(folder, files):
    for n, raw in enumerate(files):
        (folder / f"f{n}").write_bytes(raw)


def test_truncated_at_every_byte_of_the_header(pristine, tmp_path):
    whole = pristine[0]
    end = whole.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    for cut in [*range(0, end, 7), *range(end, len(whole), 16)]:
        write(tmp_path, [whole[:cut], *pristine[1:]])
        volume = loads_or_says_why(tmp_path)
        assert volume is None or volume.voxels.shape[0] == 3


def test_a_truncated_slice_is_named(pristine, tmp_path):
    write(tmp_path, [pristine[0][:-10], *pristine[1:]])
    with pytest.raises(PixelDataError, match=r"f0 is truncated.*fetch the file again"):
        prosector.read_series(tmp_path)


def test_other_series_still_load(pristine, tmp_path):
    write(tmp_path, [raw[: 200 + 300 * n] for n, raw in enumerate(pristine)])
    write_series(tmp_path / "good", values(), name="good")
    np.testing.assert_array_equal(prosector.read_series(tmp_path, series=uid("good")).voxels, values())


@pytest.mark.parametrize(("rows", "columns", "frames"), [(65535, 65535, 1), (65535, 65535, 10**6), (512, 512, 10**9)])
def test_absurd_dimensions_allocate_nothing(tmp_path, rows, columns, frames):
    def absurd(_, dataset):
        dataset.Rows, dataset.Columns = rows, columns
        if frames > 1:
            dataset.NumberOfFrames = frames

    write_series(tmp_path, values(), edit=absurd)
    tracemalloc.start()
    with pytest.raises(InputError):
        prosector.read_series(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY_LIMIT


@pytest.mark.parametrize("depth", [10, 63, 64, 65, 1000, 20000])
def test_nested_sequences_end(pristine, tmp_path, depth):
    nested = b""
    for _ in range(depth):
        nested += struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
            "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
        )
    at = pristine[0].index(struct.pack("<HH", 0x0010, 0x0010))
    write(tmp_path, [pristine[0][:at] + nested + pristine[0][at:], *pristine[1:]])
    loads_or_says_why(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize("tag", [(0x0029, 0x1010), (0x7FE0, 0x0010), (0x0008, 0x2112)])
def test_wrong_lengths(pristine, tmp_path, tag, length):
    files = []
    for raw in pristine:
        at = raw.index(struct.pack("<HH", *tag)) + 8
        files.append(raw[:at] + struct.pack("<I", length) + raw[at + 4 :])
    write(tmp_path, files)
    loads_or_says_why(tmp_path)


mutations = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 3), st.floats(0, 1), st.integers(0, 7)),
        st.tuples(st.just("cut"), st.integers(0, 3), st.floats(0, 1), st.just(0)),
        st.tuples(st.just("set"), st.integers(0, 3), st.floats(0, 1), st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF])),
        st.tuples(
            st.just("long"), st.integers(0, 3), st.floats(0, 1), st.sampled_from([0, 0xFFFF, 0xFFFFFFFF, 1 << 31])
        ),
        st.tuples(st.just("repeat"), st.integers(0, 3), st.floats(0, 1), st.integers(1, 64)),
        st.tuples(st.just("remove"), st.integers(0, 3), st.floats(0, 1), st.integers(1, 64)),
    ),
    min_size=1,
    max_size=6,
)


def mutate(raw, kind, where, what):
    data = bytearray(raw)
    if not data:
        return b""
    at = min(int(where * len(data)), len(data) - 1)
    match kind:
        case "flip":
            data[at] ^= 1 << what
        case "cut":
            del data[at:]
        case "set":
            data[at] = what
        case "long":
            data[at : at + 4] = struct.pack("<I", what)
        case "repeat":
            data[at:at] = data[at : at + what]
        case "remove":
            del data[at : at + what]
    return bytes(data)


@settings(max_examples=EXAMPLES)
@given(mutations)
def test_mutated_files_never_crash(pristine, tmp_path_factory, changes):
    files = list(pristine)
    for kind, n, where, what in changes:
        files[n] = mutate(files[n], kind, where, what)
    folder = tmp_path_factory.mktemp("fuzz")
    write(folder, files)
    loads_or_says_why(folder)
