"""Light: lamps by Blinn and Phong, and a coarse volume of how much of it arrives.

The light volume holds two bytes a cell: how open the surroundings are (ambient occlusion) and how much of
the first lamp gets through (soft shadow), both from a coarse volume of extinction. It is made once for
a volume, transfer function and lamp, and sampled while shading.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from prosector.kernels._jit import leaf, outlined, parallel_kernel
from prosector.kernels.optics import row_of
from prosector.kernels.rays import FRACTION_BITS

HEADLIGHT = 1.0 - 1e-12
"""A lamp that shines along the view by this cosine is where the viewer is."""

START = 1.5
"""Rays of light start this many cells away, so that a surface does not shade itself."""


@leaf
def illuminate(normal, view, lamps, gloss, shading, arriving):  # type: ignore[no-untyped-def]
    """Factors for the colour (r, g, b), and the highlight added to it (r, g, b).

    normal : unit, LPS, or zero where there is none: lit as if it faced the viewer; view : unit, from the
    viewer; lamps : (n, 6) float64, direction towards the lamp and colour; gloss : (1, rows), highlight by
    cosine; shading : ambient and diffuse; arriving : shares of ambient light and of the first lamp.
    """
    nx, ny, nz = normal
    nv = -(nx * view[0] + ny * view[1] + nz * view[2])
    if nv < 0.0:
        nx, ny, nz, nv = -nx, -ny, -nz, -nv
    if nx == 0.0 and ny == 0.0 and nz == 0.0:
        nx, ny, nz, nv = -view[0], -view[1], -view[2], 1.0
    fr = np.float64(shading[0] * arriving[0])
    fg, fb = fr, fr
    hr, hg, hb = 0.0, 0.0, 0.0
    rows = np.float64(gloss.shape[1] - 1)
    for n in range(lamps.shape[0]):
        lamp = np.uint64(n)
        lx, ly, lz = lamps[lamp, 0], lamps[lamp, 1], lamps[lamp, 2]
        nl = nx * lx + ny * ly + nz * lz
        if nl <= 0.0:
            continue
        share = arriving[1] if n == 0 else 1.0
        # the half vector is (l + v)/|l + v|, and |l + v|² = 2 + 2 l·v
        lv = -(lx * view[0] + ly * view[1] + lz * view[2])
        cosine = nl
        if lv < HEADLIGHT:
            cosine = (nl + nv) / np.sqrt(max(2.0 + 2.0 * lv, 1e-12))
        highlight = share * row_of(gloss, 0, rows * cosine)
        diffuse = share * shading[1] * nl
        fr += diffuse * lamps[lamp, 3]
        fg += diffuse * lamps[lamp, 4]
        fb += diffuse * lamps[lamp, 5]
        hr += highlight * lamps[lamp, 3]
        hg += highlight * lamps[lamp, 4]
        hb += highlight * lamps[lamp, 5]
    return fr, fg, fb, hr, hg, hb


@leaf
def coarse_axis(x, size, count):  # type: ignore[no-untyped-def]
    """Cell and fraction, between cell centres, of a fixed-point coordinate."""
    free = (np.float64(x) * 2.0**-FRACTION_BITS + 0.5) / np.float64(size) - 0.5
    at = min(max(free, 0.0), np.float64(count - 1))
    cell = min(np.int64(at), max(np.int64(count - 2), np.int64(0)))
    return cell, at - np.float64(cell)


@outlined
def arriving_at(light, sizes, position):  # type: ignore[no-untyped-def]
    """Shares of ambient light and of the first lamp at a position, trilinear between cell centres."""
    k, fk = coarse_axis(position[0], sizes[0], light.shape[0])
    j, fj = coarse_axis(position[1], sizes[1], light.shape[1])
    i, fi = coarse_axis(position[2], sizes[2], light.shape[2])
    open_share, lamp_share = 0.0, 0.0
    for number in range(8):
        a, b, c = k + (number & 1), j + ((number >> 1) & 1), i + (number >> 2)
        weight = (fk if number & 1 else 1.0 - fk) * (fj if number & 2 else 1.0 - fj)
        weight *= fi if number & 4 else 1.0 - fi
        if weight > 0.0:
            open_share += weight * np.float64(light[a, b, c, 0])
            lamp_share += weight * np.float64(light[a, b, c, 1])
    return open_share / 255.0, lamp_share / 255.0


@parallel_kernel
def coarse_extinction(voxels, weights, styles, table, scale, sizes, out):  # type: ignore[no-untyped-def]
    """Mean extinction per mm (float32) of cells of ``sizes`` voxels. Other arguments as in ``raycast``."""
    top = np.float64(table.shape[1]) - 2.0
    nk, nj, ni = voxels.shape
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                total, count = 0.0, 0
                for a in range(k * sizes[0], min((k + 1) * sizes[0], nk)):
                    for b in range(j * sizes[1], min((j + 1) * sizes[1], nj)):
                        for c in range(i * sizes[2], min((i + 1) * sizes[2], ni)):
                            count += 1
                            x = (np.float64(voxels[a, b, c]) - scale[0]) * scale[1]
                            if not np.isfinite(x):
                                continue
                            row = np.int64(min(max(x, 1.0), top))
                            style = np.int64(styles[a, b, c]) if styles.size > 1 else 0
                            share = np.float64(weights[a, b, c]) / 255.0 if weights.size > 1 else 1.0
                            total += share * (table[style, row + 1, 0] - table[style, row, 0])
                out[k, j, i] = np.float32(total / count)


@leaf
def depth_along(extinction, start, way, lengths):  # type: ignore[no-untyped-def]
    """Optical depth from a cell along a way (cells per step), by the extinction of the nearest cells.

    ``lengths[n]`` is the length in steps of the n-th stretch, and each is looked at in its middle.
    """
    nk, nj, ni = extinction.shape
    depth, at = 0.0, START
    for n in range(lengths.size):
        middle = at + 0.5 * lengths[n]
        k = np.int64(np.floor(start[0] + middle * way[0] + 0.5))
        j = np.int64(np.floor(start[1] + middle * way[1] + 0.5))
        i = np.int64(np.floor(start[2] + middle * way[2] + 0.5))
        if k < 0 or j < 0 or i < 0 or k >= nk or j >= nj or i >= ni:
            break
        depth += lengths[n] * np.float64(extinction[k, j, i])
        at += lengths[n]
        if depth > 20.0:
            break
    return depth


@leaf
def transmitted(extinction, start, ways, lengths, mm):  # type: ignore[no-untyped-def]
    """Mean share of light that comes in along several ways; ``mm`` is the length of a step."""
    total = 0.0
    for n in range(ways.shape[0]):
        way = (ways[n, 0], ways[n, 1], ways[n, 2])
        total += np.exp(-mm * depth_along(extinction, start, way, lengths))
    return total / ways.shape[0]


@parallel_kernel
def spread_light(extinction, wanted, around, near, cone, far, mm, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (k, j, i, 2) uint8: openness, and share of the lamp, 255 for all of it.

    wanted : bool, the cells that matter; the others get all light; around : (n, 3) float64, ways evenly over
    the sphere, cells per step of ``mm``; near : lengths of their stretches in steps; cone, far : the same
    towards the lamp. A flat surface sees half of the sphere and counts as wholly open.
    """
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            for i in range(out.shape[2]):
                open_share, lamp_share = 1.0, 1.0
                if wanted[k, j, i]:
                    start = (np.float64(k), np.float64(j), np.float64(i))
                    open_share = min(2.0 * transmitted(extinction, start, around, near, mm), 1.0)
                    lamp_share = transmitted(extinction, start, cone, far, mm)
                out[k, j, i, 0] = np.uint8(open_share * 255.0 + 0.5)
                out[k, j, i, 1] = np.uint8(lamp_share * 255.0 + 0.5)
