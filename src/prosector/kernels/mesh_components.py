"""Which faces hang together."""

from __future__ import annotations

from prosector.kernels._jit import inline, kernel


@inline
def _root(parent, vertex):  # type: ignore[no-untyped-def]
    """First vertex of the group, halving the way there for the next one who asks."""
    while parent[vertex] != vertex:
        parent[vertex] = parent[parent[vertex]]
        vertex = parent[vertex]
    return vertex


@kernel
def components(faces, parent, number, of_face):  # type: ignore[no-untyped-def]
    """Number the components of a mesh in the order of their first faces.

    Union and find (Tarjan, J. ACM 22, 1975), one thread.

    Parameters
    ----------
    faces : (m, 3) int32 array
    parent : (n,) int32 array
        0, 1, 2, …; overwritten.
    number : (n,) int32 array
        −1; overwritten.
    of_face : (m,) int32 array
        Filled with the component of each face.

    Returns
    -------
    int
        How many components there are.
    """
    for f in range(len(faces)):
        a = _root(parent, faces[f, 0])
        for n in range(1, 3):
            b = _root(parent, faces[f, n])
            if b < a:
                a, b = b, a
            parent[b] = a
    found = 0
    for f in range(len(faces)):
        root = _root(parent, faces[f, 0])
        if number[root] < 0:
            number[root] = found
            found += 1
        of_face[f] = number[root]
    return found
