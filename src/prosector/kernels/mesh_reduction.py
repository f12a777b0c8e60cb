"""Fewer triangles: edges collapse, the least conspicuous first, and what was a closed manifold stays one.

Garland, Heckbert: Surface simplification using quadric error metrics, SIGGRAPH 1997. An edge collapses only
where its ends have just the two neighbours of its two faces in common (the link condition of Dey et al.:
Topology preserving edge contraction, Publ. Inst. Math. 66, 1999) and no face turns over. One thread: each
collapse decides about the next.
"""

from __future__ import annotations

import math

import numpy as np

from prosector.kernels._jit import inline, kernel

TURN = 0.3
"""A face may turn by the angle with this cosine at each collapse."""

SHAPE = 0.05
"""Twice the area of a new face over the square of its longest edge; thinner ones are refused, unless it was so."""

PULL = 1e-3
"""Weight of staying near the middle of the edge, against that of the planes; decides on flat ground."""


@inline
def _normal(points, a, b, c):  # type: ignore[no-untyped-def]
    """Normal of three points with twice their area as length."""
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@inline
def _longest(points, a, b, c):  # type: ignore[no-untyped-def]
    """Square of the longest edge."""
    ab = ac = bc = 0.0
    for n in range(3):
        ab += (points[a, n] - points[b, n]) ** 2
        ac += (points[a, n] - points[c, n]) ** 2
        bc += (points[b, n] - points[c, n]) ** 2
    return max(ab, ac, bc)


@kernel
def start_quadrics(points, faces, quadrics):  # type: ignore[no-untyped-def]
    """Add up the squared distances to the planes of the faces around each vertex, weighted by area.

    Parameters
    ----------
    points : (n, 3) float64 array
    faces : (m, 3) int32 array
    quadrics : (n, 10) float64 array, zero
        Filled with xx, xy, xz, yy, yz, zz, x, y, z and the constant.
    """
    for f in range(len(faces)):
        a = faces[f, 0]
        x, y, z = _normal(points, a, faces[f, 1], faces[f, 2])
        size = math.sqrt(x * x + y * y + z * z)
        if size == 0.0:
            continue
        x, y, z = x / size, y / size, z / size
        d = -(x * points[a, 0] + y * points[a, 1] + z * points[a, 2])
        parts = (x * x, x * y, x * z, y * y, y * z, z * z, x * d, y * d, z * d, d * d)
        for n in range(3):
            for q in range(10):
                quadrics[faces[f, n], q] += 0.5 * size * parts[q]


@inline
def _best(points, quadrics, a, b, place):  # type: ignore[no-untyped-def]
    """Cost of collapsing an edge; fills the place where its end goes."""
    one, two = quadrics[a], quadrics[b]
    xx, xy, xz = one[0] + two[0], one[1] + two[1], one[2] + two[2]
    yy, yz, zz = one[3] + two[3], one[4] + two[4], one[5] + two[5]
    mx, my = 0.5 * (points[a, 0] + points[b, 0]), 0.5 * (points[a, 1] + points[b, 1])
    mz = 0.5 * (points[a, 2] + points[b, 2])
    # around the middle: gradient there, and a pull back to it
    gx = xx * mx + xy * my + xz * mz + one[6] + two[6]
    gy = xy * mx + yy * my + yz * mz + one[7] + two[7]
    gz = xz * mx + yz * my + zz * mz + one[8] + two[8]
    pull = PULL * (xx + yy + zz)
    pxx, pyy, pzz = xx + pull, yy + pull, zz + pull
    cxx, cxy, cxz = pyy * pzz - yz * yz, xz * yz - xy * pzz, xy * yz - xz * pyy
    det = pxx * cxx + xy * cxy + xz * cxz
    dx = dy = dz = 0.0
    if det > 0.0:
        cyy, cyz, czz = pxx * pzz - xz * xz, xy * xz - pxx * yz, pxx * pyy - xy * xy
        dx = -(cxx * gx + cxy * gy + cxz * gz) / det
        dy = -(cxy * gx + cyy * gy + cyz * gz) / det
        dz = -(cxz * gx + cyz * gy + czz * gz) / det
    place[0], place[1], place[2] = mx + dx, my + dy, mz + dz
    at_middle = mx * (gx + one[6] + two[6]) + my * (gy + one[7] + two[7]) + mz * (gz + one[8] + two[8])
    at_middle += one[9] + two[9]
    length = 0.0
    for n in range(3):
        length += (points[a, n] - points[b, n]) ** 2
    return max(at_middle + gx * dx + gy * dy + gz * dz, 0.0) + 1e-2 * pull * length


@inline
def _push(costs, edges, size, cost, a, b, stamp):  # type: ignore[no-untyped-def]
    """Put an edge into the heap; its room is there."""
    at = size
    while at > 0:
        above = (at - 1) // 2
        if costs[above] <= cost:
            break
        costs[at] = costs[above]
        for n in range(3):
            edges[at, n] = edges[above, n]
        at = above
    costs[at] = cost
    edges[at, 0], edges[at, 1], edges[at, 2] = a, b, stamp


@inline
def _pop(costs, edges, size):  # type: ignore[no-untyped-def]
    """Take the first edge off the heap by filling its place from the end; ``size`` is that before."""
    last = size - 1
    cost = costs[last]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= last:
            break
        if child + 1 < last and costs[child + 1] < costs[child]:
            child += 1
        if costs[child] >= cost:
            break
        costs[at] = costs[child]
        for n in range(3):
            edges[at, n] = edges[child, n]
        at = child
    costs[at] = cost
    for n in range(3):
        edges[at, n] = edges[last, n]


@inline
def _may_meet(faces, alive, head, following, a, b, seen, token):  # type: ignore[no-untyped-def]
    """Whether the ends have exactly the two neighbours of their two faces in common, and enough others."""
    around_a = around_b = common = 0
    corner = head[a]
    while corner >= 0:
        if alive[corner // 3]:
            around_a += 1
            for n in range(3):
                seen[faces[corner // 3, n]] = token
        corner = following[corner]
    corner = head[b]
    while corner >= 0:
        if alive[corner // 3]:
            around_b += 1
            for n in range(3):
                vertex = faces[corner // 3, n]
                if vertex != a and vertex != b and seen[vertex] == token:
                    seen[vertex] = token + 1
                    common += 1
        corner = following[corner]
    return common == 2 and around_a + around_b >= 7


@inline
def _keeps_faces(points, faces, alive, head, following, a, b, place):  # type: ignore[no-untyped-def]
    """Whether no face around ``a``, but for those of the edge, turns over or becomes a sliver when ``a`` moves."""
    x, y, z = points[a, 0], points[a, 1], points[a, 2]
    corner, good = head[a], True
    while corner >= 0 and good:
        f = corner // 3
        if alive[f] and faces[f, 0] != b and faces[f, 1] != b and faces[f, 2] != b:
            p, q, r = faces[f, 0], faces[f, 1], faces[f, 2]
            ox, oy, oz = _normal(points, p, q, r)
            old_shape = math.sqrt(ox * ox + oy * oy + oz * oz) / max(_longest(points, p, q, r), 1e-300)
            points[a, 0], points[a, 1], points[a, 2] = place[0], place[1], place[2]
            nx, ny, nz = _normal(points, p, q, r)
            new = math.sqrt(nx * nx + ny * ny + nz * nz)
            shape = new / max(_longest(points, p, q, r), 1e-300)
            points[a, 0], points[a, 1], points[a, 2] = x, y, z
            old = math.sqrt(ox * ox + oy * oy + oz * oz)
            good = ox * nx + oy * ny + oz * nz >= TURN * old * new and shape >= min(SHAPE, old_shape)
        corner = following[corner]
    return good


@inline
def _merge(faces, alive, head, following, a, b):  # type: ignore[no-untyped-def]
    """Give the faces of ``b`` to ``a``, those of the edge removed; how many those were."""
    removed, first = 0, -1
    for source in (a, b):
        corner = head[source]
        while corner >= 0:
            after, f = following[corner], corner // 3
            if alive[f]:
                others = (faces[f, 0] == a or faces[f, 1] == a or faces[f, 2] == a) and (
                    faces[f, 0] == b or faces[f, 1] == b or faces[f, 2] == b
                )
                if others:
                    alive[f] = False
                    removed += 1
                else:
                    faces[f, corner % 3] = a
                    following[corner] = first
                    first = corner
            corner = after
    head[a], head[b] = first, -1
    return removed


@inline
def _room(costs, edges, size):  # type: ignore[no-untyped-def]
    """A heap with room for a few more."""
    more_costs = np.empty(2 * size + 64, dtype=costs.dtype)
    more_edges = np.empty((2 * size + 64, 3), dtype=edges.dtype)
    more_costs[:size] = costs[:size]
    more_edges[:size] = edges[:size]
    return more_costs, more_edges


@kernel
def collapse(points, faces, quadrics, locked, wanted, alive):  # type: ignore[no-untyped-def]
    """Collapse edges until few enough faces are left, or none may.

    Parameters
    ----------
    points : (n, 3) float64 array
        Changed.
    faces : (m, 3) int32 array
        Changed; each edge between vertices that are not locked has two faces.
    quadrics : (n, 10) float64 array
        Changed.
    locked : (n,) bool array
        Vertices that stay as they are.
    wanted : int
    alive : (m,) bool array
        True; filled with which faces are left.
    """
    head, following = np.full(len(points), -1, dtype=np.int64), np.empty(3 * len(faces), dtype=np.int64)
    for corner in range(3 * len(faces)):
        vertex = faces[corner // 3, corner % 3]
        following[corner] = head[vertex]
        head[vertex] = corner
    version = np.zeros(len(points), dtype=np.int32)
    seen = np.zeros(len(points), dtype=np.int64)
    place = np.empty(3)
    costs, edges = np.empty(3 * len(faces) + 64), np.empty((3 * len(faces) + 64, 3), dtype=np.int32)
    size, left, token = 0, len(faces), np.int64(1)
    for f in range(len(faces)):
        for n in range(3):
            a, b = faces[f, n], faces[f, (n + 1) % 3]
            if a < b and not locked[a] and not locked[b]:
                _push(costs, edges, size, _best(points, quadrics, a, b, place), a, b, 0)
                size += 1
    while left > wanted and size > 0:
        a, b, stamp = edges[0, 0], edges[0, 1], edges[0, 2]
        _pop(costs, edges, size)
        size -= 1
        if head[a] < 0 or head[b] < 0 or version[a] + version[b] != stamp:
            continue
        token += 2
        if not _may_meet(faces, alive, head, following, a, b, seen, token):
            continue
        _best(points, quadrics, a, b, place)
        if not (
            _keeps_faces(points, faces, alive, head, following, a, b, place)
            and _keeps_faces(points, faces, alive, head, following, b, a, place)
        ):
            continue
        left -= _merge(faces, alive, head, following, a, b)
        for n in range(3):
            points[a, n] = place[n]
        for q in range(10):
            quadrics[a, q] += quadrics[b, q]
        version[a] += version[b] + 1
        corner = head[a]
        while corner >= 0:
            b = faces[corner // 3, (corner % 3 + 1) % 3]
            if not locked[b]:
                if size == len(costs):
                    costs, edges = _room(costs, edges, size)
                cost = _best(points, quadrics, a, b, place)
                _push(costs, edges, size, cost, a, b, version[a] + version[b])
                size += 1
            corner = following[corner]
