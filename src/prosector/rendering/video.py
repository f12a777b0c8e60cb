"""Cine as files for people: MP4, GIF and a folder of PNG frames. None of them names the patient by itself."""

from __future__ import annotations

import re
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from prosector._version import __version__
from prosector.atomic import atomic_path
from prosector.errors import MissingCodecError, OutputError
from prosector.model.cine import Cine
from prosector.model.geometry import Array
from prosector.rendering.png import write_png
from prosector.rendering.presets import METHOD_WORDS

H264_QUALITY = 16
"""Constant rate factor: 0 is lossless, 18 is taken for visually so."""

BT709 = 1
LIMITED_RANGE = 1
"""Colour tags of the stream (ITU-T H.273): primaries, transfer and matrix of BT.709; levels 16 to 235."""

PALETTE = 256
INK_COLORS = 24
"""Of a grey cine's palette, kept for what is drawn in colour."""

GREY_SHARE = 0.03
"""A cine is grey if at most this share of its pixels has colour."""

LEAST_CHROMA = 12
PALETTE_SAMPLES = 512
"""The palette is made from a picture of this many pixels each way, drawn evenly from all frames."""

GIF_TICK_MS = 10
LEAST_GIF_MS = 20
"""Viewers slow down a GIF whose frames stand for less."""


def write_mp4(path: str | Path, cine: Cine) -> None:
    """Write a cine as H.264 in MP4, 4:2:0, readable by browsers, office programs and telephones.

    Sides of an odd number of pixels are extended by a black line. Encoded by one thread, so that the same
    frames give the same bytes.

    Raises
    ------
    MissingCodecError
        If PyAV is not installed.
    OutputError
        If the file cannot be written.
    """
    av = _pyav()
    frames = np.pad(cine.frames, ((0, 0), (0, cine.size[1] % 2), (0, cine.size[0] % 2), (0, 0)))
    rate = Fraction(1000 / cine.frame_time_ms).limit_denominator(1001)
    with atomic_path(path) as partial:
        try:
            with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
                container.metadata["comment"] = comment(cine)
                _encode(av, container, frames, rate)
        except av.FFmpegError as error:
            raise OutputError(f"cannot write {Path(path)}: the encoder says {error.strerror}") from error


def _encode(av: ModuleType, container: Any, frames: Array, rate: Fraction) -> None:
    stream = container.add_stream("libx264", rate=rate)
    stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
    stream.options = {"crf": str(H264_QUALITY), "preset": "veryfast", "bf": "2"}
    context = stream.codec_context
    context.thread_count = 1
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED_RANGE
    for number, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED_RANGE
        )
        frame.pts = number
        frame.time_base = 1 / rate
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_gif(path: str | Path, cine: Cine) -> None:
    """Write a cine as a GIF that repeats, with one palette of 256 colours for all frames.

    A grey cine has a palette of greys, and a few colours for what is drawn over it. Durations are whole
    hundredths of a second, at least two, spread so that the run takes its time as a whole.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    palette = _palette(cine.frames)
    pictures = [_indexed(frame, palette) for frame in cine.frames]
    with atomic_path(path) as partial:
        pictures[0].save(
            partial,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=gif_durations_ms(len(pictures), cine.frame_time_ms),
            loop=0,
            optimize=False,
            comment=comment(cine).encode("ascii"),
        )


def gif_durations_ms(count: int, frame_time_ms: float) -> list[int]:
    """Duration of each frame in whole ticks; together as long as the cine, to within half a tick."""
    time = max(frame_time_ms, LEAST_GIF_MS)
    ends = np.rint(np.arange(count + 1) * time / GIF_TICK_MS).astype(int) * GIF_TICK_MS
    return [int(v) for v in np.diff(ends)]


def _palette(frames: Array) -> Image.Image:
    """An image that carries the palette of all frames."""
    flat = frames.reshape(-1, 3)
    step = max(1, len(flat) // PALETTE_SAMPLES**2)
    sample = flat[:: step + 1 - step % 2]  # an odd step does not stay in one column
    chroma = sample.max(axis=1).astype(int) - sample.min(axis=1)
    colored = sample[chroma > LEAST_CHROMA]
    if len(colored) > GREY_SHARE * len(sample):
        colors = _quantized(sample, PALETTE)
    else:
        count = min(INK_COLORS, len(np.unique(colored, axis=0)))
        inks = _quantized(colored, count) if count else np.empty((0, 3), np.uint8)
        greys = np.rint(np.linspace(0, 255, PALETTE - len(inks))).astype(np.uint8)
        colors = np.vstack([np.repeat(greys[:, np.newaxis], 3, axis=1), inks])
    holder = Image.new("P", (1, 1))
    holder.putpalette(colors.tobytes())
    return holder


def _quantized(colors: Array, count: int) -> Array:
    """(n, 3) uint8: at most ``count`` colours that stand for those given (median cut)."""
    picture = Image.fromarray(np.ascontiguousarray(colors[np.newaxis]))
    made = picture.quantize(count, method=Image.Quantize.MEDIANCUT, kmeans=1)
    used = len(made.getcolors(PALETTE) or [])
    table = np.array(made.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    return table[: max(used, 1)]


def _indexed(frame: Array, palette: Image.Image) -> Image.Image:
    """A frame in the colours of a palette, undithered: dither would crawl from frame to frame.

    Pillow looks colours up in steps of four levels, which shows in smooth greys; those are looked up here.
    """
    made = Image.fromarray(np.array(frame)).quantize(palette=palette, dither=Image.Dither.NONE)
    table = np.array(palette.getpalette(), dtype=np.int32).reshape(-1, 3)
    levels = np.arange(256)[:, np.newaxis, np.newaxis]
    nearest = ((table[np.newaxis] - levels) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    grey = (frame == frame[..., :1]).all(axis=2)
    index = np.where(grey, nearest[frame[..., 0]], np.asarray(made))
    exact = Image.fromarray(index)
    exact.putpalette(table.astype(np.uint8).tobytes())
    return exact


def write_frames(folder: str | Path, cine: Cine) -> None:
    """Write every frame as ``NAME_0001.png`` into a folder, NAME being the folder's own without its ending.

    The folder is whole or not there. One that is there already is replaced if it holds nothing but frames.

    Raises
    ------
    OutputError
        If it cannot be written, or a folder of that name holds something else.
    """
    folder = Path(folder)
    _require_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent) as partial:
            made = Path(partial) / "frames"
            for number in range(len(cine.frames)):
                write_png(made / f"{folder.stem}_{number + 1:04d}.png", cine.frame(number))
            if folder.is_dir():
                shutil.rmtree(folder)
            made.replace(folder)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"cannot write {folder}: {reason}; choose a folder that you may write to") from error


def _require_replaceable(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write {folder}: a file of that name is there")
    frame = re.compile(rf"{re.escape(folder.stem)}_\d{{4,}}\.png")
    if folder.is_dir() and not all(frame.fullmatch(entry.name) for entry in folder.iterdir()):
        raise OutputError(f"cannot write {folder}: a folder of that name holds something else than frames")


def comment(cine: Cine) -> str:
    """What a film says about itself: method, preset and what it must not be used for."""
    identity = "Names the patient in its pixels" if cine.burned_in_identity else ""
    method = METHOD_WORDS.get(cine.method, cine.method)
    words = (f"Prosector {__version__}", method, cine.preset, "Not for diagnosis", identity)
    return ". ".join(part for part in words if part)


def _pyav() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise MissingCodecError(
            "MP4 needs PyAV, which brings the H.264 encoder: install prosector[video], or write .gif, .dcm or .frames"
        ) from error
    module: ModuleType = av
    return module
