"""Distance of points from balls swept along polylines and over triangles (analytic phantoms)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prosector.kernels._jit import inline, kernel

Array = NDArray[Any]


@kernel
def swept_polyline(points: Array, centers: Array, radii: Array, out: Array) -> None:
    """Signed distance from a tube: (n, 3) points, (m, 3) centres, (m,) radii, into (n,) ``out``.

    A point belongs to the nearest place on the line; the radius there is taken off.
    """
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        best = np.inf
        for m in range(centers.shape[0] - 1):
            px, py, pz = x - centers[m, 0], y - centers[m, 1], z - centers[m, 2]
            ux, uy, uz = (
                centers[m + 1, 0] - centers[m, 0],
                centers[m + 1, 1] - centers[m, 1],
                centers[m + 1, 2] - centers[m, 2],
            )
            t = (px * ux + py * uy + pz * uz) / (ux * ux + uy * uy + uz * uz)
            t = min(max(t, 0.0), 1.0)
            gap = (px - t * ux) ** 2 + (py - t * uy) ** 2 + (pz - t * uz) ** 2
            if gap < best:
                best = gap
                out[n] = np.sqrt(gap) - radii[m] - t * (radii[m + 1] - radii[m])


@inline
def _ball_gap(squared: float, d20: float, d21: float, d00: float, d01: float, d11: float, s: float, t: float) -> float:
    """Distance from the point a + s·ab + t·ac."""
    gap = squared + s * (s * d00 - 2 * d20) + t * (t * d11 - 2 * d21) + 2 * s * t * d01
    return np.sqrt(max(gap, 0.0))  # type: ignore[no-any-return]


@kernel
def swept_triangles(points: Array, triangles: Array, out: Array) -> None:
    """Least signed distance from swept triangles: (n, 3) points, (m, 3, 4) x, y, z, radius, into (n,) ``out``.

    The nearest place is found by barycentric projection, else on one of the edges (Ericson, Real-Time
    Collision Detection, 2005, section 5.1.5); the radius there is taken off. ``out`` comes in with the
    largest distance that matters.
    """
    for m in range(triangles.shape[0]):
        ax, ay, az, ar = triangles[m, 0, 0], triangles[m, 0, 1], triangles[m, 0, 2], triangles[m, 0, 3]
        bx, by, bz, br = (
            triangles[m, 1, 0] - ax,
            triangles[m, 1, 1] - ay,
            triangles[m, 1, 2] - az,
            triangles[m, 1, 3] - ar,
        )
        cx, cy, cz, cr = (
            triangles[m, 2, 0] - ax,
            triangles[m, 2, 1] - ay,
            triangles[m, 2, 2] - az,
            triangles[m, 2, 3] - ar,
        )
        d00, d01, d11 = bx * bx + by * by + bz * bz, bx * cx + by * cy + bz * cz, cx * cx + cy * cy + cz * cz
        area = d00 * d11 - d01 * d01
        reach = np.sqrt(max(d00, d11)) + max(ar, ar + br, ar + cr)
        for n in range(points.shape[0]):
            px, py, pz = points[n, 0] - ax, points[n, 1] - ay, points[n, 2] - az
            squared = px * px + py * py + pz * pz
            far = out[n] + reach
            if far <= 0 or squared > far * far:
                continue
            d20, d21 = px * bx + py * by + pz * bz, px * cx + py * cy + pz * cz
            s, t = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
            if s >= 0 and t >= 0 and s + t <= 1:
                d = _ball_gap(squared, d20, d21, d00, d01, d11, s, t) - ar - s * br - t * cr
            else:
                s = min(max(d20 / d00, 0.0), 1.0)
                d = _ball_gap(squared, d20, d21, d00, d01, d11, s, 0.0) - ar - s * br
                t = min(max(d21 / d11, 0.0), 1.0)
                d = min(d, _ball_gap(squared, d20, d21, d00, d01, d11, 0.0, t) - ar - t * cr)
                t = min(max((d21 - d20 - d01 + d00) / (d00 - 2 * d01 + d11), 0.0), 1.0)
                d = min(d, _ball_gap(squared, d20, d21, d00, d01, d11, 1 - t, t) - ar - (1 - t) * br - t * cr)
            out[n] = min(out[n], d)
