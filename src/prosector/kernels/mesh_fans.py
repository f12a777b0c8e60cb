"""Whether the faces around each vertex form one fan."""

from __future__ import annotations

from prosector.kernels._jit import inline, kernel


@inline
def _join(parent, one, two):  # type: ignore[no-untyped-def]
    """Put two corners into one fan."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    while parent[two] != two:
        parent[two] = parent[parent[two]]
        two = parent[two]
    parent[max(one, two)] = min(one, two)


@kernel
def count_fans(faces, partner, parent, fans):  # type: ignore[no-untyped-def]
    """Count the fans of faces around each vertex that hang together by edges.

    Parameters
    ----------
    faces : (m, 3) int32 array
    partner : (3·m,) int64 array
        For side ``3·f + n`` of face f, from its corner n to the next, the side of the neighbour that runs the
        other way; −1 where there is not exactly one.
    parent : (3·m,) int64 array
        0, 1, 2, …; overwritten.
    fans : (n,) int32 array, zero
        Filled; 0 where no face is.
    """
    for side in range(len(partner)):
        other = partner[side]
        if other >= 0:
            _join(parent, side, other - 2 if other % 3 == 2 else other + 1)
    for side in range(len(partner)):
        if parent[side] == side:
            fans[faces[side // 3, side % 3]] += 1
