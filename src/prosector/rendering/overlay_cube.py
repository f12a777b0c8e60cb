"""The orientation cube: faces lettered A P L R H F, turned with the camera."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from prosector.model.camera import Camera, direction_letters
from prosector.model.geometry import Array
from prosector.rendering.overlay_sheet import INK, Ink, Patch, Sheet, font_of, softened

CUBE_FROM_PX = 256
"""Pictures with a shorter side than this carry no cube: its letters would not be read."""

CUBE_SHARE = 0.06
"""Edge of the cube as a share of the picture's shorter side."""

LETTER_SHARE = 0.8
"""Height of a face's letter as a share of the edge."""

FACING_LEAST = 0.12
"""A face that is turned further away than this cosine is drawn without its letter."""

SIDES: tuple[Ink, ...] = ((96, 112, 132), (70, 83, 100), (48, 58, 72))
"""Fill of the faces, the one that faces the viewer most first."""


def draw_cube(sheet: Sheet, camera: Camera, right: int, bottom: int) -> None:
    """Draw the cube in parallel projection with its surrounding box in the corner at (right, bottom)."""
    style = sheet.style
    edge = max(14, round(style.short * CUBE_SHARE))
    reach = round(edge * 0.87) + 1  # half of the space diagonal
    center = (right - reach, bottom - reach)
    facing = sorted(_facing(camera), key=lambda face: face[0], reverse=True)
    lines = _canvas(reach, style.fine)
    for (cosine, normal), ink in zip(facing, SIDES, strict=False):
        across, upward = _axes(normal)
        corners = _corners(camera, normal, across, upward, edge * style.fine / 2, lines.width / 2)
        fill = _canvas(reach, style.fine)
        ImageDraw.Draw(fill).polygon(corners, fill=235)
        _lay(sheet, center, reach, fill, ink)
        for start, end in pairwise([*corners, corners[0]]):
            ImageDraw.Draw(lines).line((*start, *end), fill=255, width=max(1, style.fine * style.line))
        if cosine > FACING_LEAST:
            letter = _letter(direction_letters(normal), round(edge * LETTER_SHARE) * style.fine)
            _warp(letter, corners, lines)
    _lay(sheet, center, reach, lines, INK)


def _facing(camera: Camera) -> list[tuple[float, Array]]:
    """Cosine and outward normal of the faces that the viewer sees."""
    normals = [sign * row for row in np.eye(3) for sign in (1.0, -1.0)]
    cosines = [(float(-(normal @ camera.forward_lps)), normal) for normal in normals]
    return [(cosine, normal) for cosine, normal in cosines if cosine > 1e-6]


def _axes(normal: Array) -> tuple[Array, Array]:
    """Which way a face's letter reads and stands, to someone who looks straight at the face."""
    upward = np.array([0.0, -1.0, 0.0]) if abs(normal[2]) > 0.5 else np.array([0.0, 0.0, 1.0])
    return np.cross(-normal, upward), upward


def _corners(
    camera: Camera, normal: Array, across: Array, upward: Array, half: float, middle: float
) -> list[tuple[float, float]]:
    """Upper left, upper right, lower right and lower left of a face, on the canvas."""
    found = []
    for x, y in ((-1, 1), (1, 1), (1, -1), (-1, -1)):
        point = normal + x * across + y * upward
        found.append((middle + half * float(point @ camera.right_lps), middle - half * float(point @ camera.up_lps)))
    return found


def _letter(text: str, size: int) -> Image.Image:
    """A letter in the middle of a square face of four thirds its size, as a mask."""
    side = round(size / LETTER_SHARE)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).text((side / 2, side / 2), text, fill=255, font=font_of(size), anchor="mm")
    return mask


def _warp(letter: Image.Image, corners: list[tuple[float, float]], onto: Image.Image) -> None:
    """Lay a square mask into the parallelogram of a face (the affine map from the canvas back to the mask)."""
    origin, x_end, y_end = (np.asarray(corners[n]) for n in (0, 1, 3))
    forward = np.stack([x_end - origin, y_end - origin], axis=1) / letter.width
    back = np.linalg.inv(forward)
    shift = -back @ origin
    rows = (*back[0], shift[0], *back[1], shift[1])
    turned = letter.transform(onto.size, Image.Transform.AFFINE, rows, Image.Resampling.BICUBIC)
    onto.paste(255, mask=turned)


def _canvas(reach: int, fine: int) -> Image.Image:
    return Image.new("L", (2 * reach * fine, 2 * reach * fine))


def _lay(sheet: Sheet, center: tuple[int, int], reach: int, fine_mask: Image.Image, ink: Ink) -> None:
    pad = 3 * sheet.style.halo
    mask = Image.new("L", (2 * (reach + pad), 2 * (reach + pad)))
    mask.paste(fine_mask.reduce(sheet.style.fine), (pad, pad))
    sheet.lay(center, Patch((-reach - pad, -reach - pad), mask, softened(mask, sheet.style.halo)), ink)
