"""Where parts of bone touch: over bone, or over a dark line. What bone joins is one."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from prosector.model.geometry import Array

CHUNK = 1 << 15
"""Faces whose surroundings are looked at together."""

LOWEST, HIGHEST = 50.0, 1500.0
"""Blood, which fills a fracture, and dense cortex, HU: air beside a bone and metal are no darker and no brighter."""


@dataclass(frozen=True, eq=False)
class Contact:
    """How two parts touch.

    Parameters
    ----------
    area : float
        mm².
    profile : (2n + 1,) array
        Sum over the contact, times area, of the values on the way from one part to the other.
    """

    area: float
    profile: Array

    @property
    def valley(self) -> float:
        """How far the mean value near the contact lies below the lower one of its two sides."""
        middle = self.profile.size // 2
        lowest = self.profile[middle - 2 : middle + 3].min()
        sides = min(self.profile[:middle].max(), self.profile[middle + 1 :].max())
        return float((sides - lowest) / self.area)

    def reversed(self) -> Contact:
        """The same from the other part."""
        return Contact(self.area, self.profile[::-1])

    def plus(self, other: Contact | None) -> Contact:
        """Both contacts together."""
        return self if other is None else Contact(self.area + other.area, self.profile + other.profile)


Contacts = dict[int, dict[int, Contact]]
"""For each part, its contacts with others."""


def find_contacts(parts: Array, values: Array, matrix: Array, gap_mm: float) -> Contacts:
    """Find where parts touch, and what values are like there.

    The way from one part to the other runs along the mean normal of their contact, ``gap_mm`` and a voxel to either
    side: across a bone's shaft marrow lies between brighter cortex, along the shaft it does not. Values are averaged
    over the contact, so that noise and single trabeculae do not count.

    Parameters
    ----------
    parts : (k, j, i) int32 array
        0 outside.
    values : (k, j, i) array
        HU.
    matrix : (3, 3) array
        From index to mm; any grid.
    gap_mm : float
    """
    pair, middle, vector = _faces(parts, matrix)
    kinds, place = np.unique(pair, return_inverse=True)
    normal = np.stack([np.bincount(place, weights=v, minlength=kinds.size) for v in vector.T], axis=1).astype(float)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    area = np.linalg.norm(vector, axis=1)
    half_voxel = 0.5 * float(np.linalg.norm(matrix, axis=0).min())
    reach = int(np.ceil(gap_mm / half_voxel)) + 2
    at = np.arange(-reach, reach + 1) * half_voxel
    profiles = np.zeros((kinds.size, at.size))
    for first in range(0, pair.size, CHUNK):
        some = slice(first, first + CHUNK)
        step = normal[place[some]] @ np.linalg.inv(matrix).T
        places = middle[some, None] + at[:, None] * step[:, None]
        seen = ndimage.map_coordinates(values, places.reshape(-1, 3).T, np.float32, order=1, mode="nearest")
        seen = seen.reshape(places.shape[:2]).clip(LOWEST, HIGHEST) * area[some, None]
        for n in range(at.size):
            profiles[:, n] += np.bincount(place[some], weights=seen[:, n], minlength=kinds.size)
    areas = np.bincount(place, weights=area, minlength=kinds.size)
    found: Contacts = {}
    for both, whole, profile in zip(kinds.tolist(), areas.tolist(), profiles, strict=True):
        a, b = both >> 32, both & 0xFFFFFFFF
        contact = Contact(whole, profile)
        found.setdefault(a, {})[b] = contact
        found.setdefault(b, {})[a] = contact.reversed()
    return found


def join_by_bone(found: Contacts, count: int, contrast: float, bridge_mm2: float) -> Array:
    """Join parts whose contact is bone, the largest contacts first.

    Parameters
    ----------
    found : Contacts
        Becomes those of the joined parts.
    count : int
        Parts are numbered up to this.
    contrast : float
        A contact that is darker than both its sides by this is a gap.
    bridge_mm2 : float
        Contacts of a smaller area than this join nothing.

    Returns
    -------
    (count + 1,) int32 array
        Number of the part that each part becomes.
    """
    target = np.arange(count + 1, dtype=np.int32)
    # what is too small now comes again once it has been united with more
    heap = [(-found[a][b].area, a, b) for a in found for b in found[a] if a < b and found[a][b].area >= bridge_mm2]
    heapq.heapify(heap)
    while heap:
        minus_area, a, b = heapq.heappop(heap)
        contact = found.get(a, {}).get(b)
        if contact is None or contact.area != -minus_area or contact.valley >= contrast:
            continue
        target[target == b] = a
        for other in unite(found, a, b):
            if found[a][other].area >= bridge_mm2:
                heapq.heappush(heap, (-found[a][other].area, min(a, other), max(a, other)))
    return target


def unite(found: Contacts, a: int, b: int) -> list[int]:
    """Give the contacts of part ``b`` to part ``a``; returns which parts those were with."""
    changed = []
    for other, contact in found.pop(b).items():
        found[other].pop(b)
        if other != a:
            found[a][other] = contact.plus(found[a].get(other))
            found[other][a] = found[a][other].reversed()
            changed.append(other)
    return changed


def _faces(parts: Array, matrix: Array) -> tuple[Array, Array, Array]:
    """All faces between two parts: both numbers in one, the face's middle (index), its area vector from low to high."""
    pairs, middles, vectors = [], [], []
    for axis in range(3):
        across = np.moveaxis(parts, axis, 0)
        area = np.cross(matrix[:, axis - 2], matrix[:, axis - 1])
        area *= np.sign(area @ matrix[:, axis])
        for n in range(across.shape[0] - 1):
            u, v = np.nonzero((across[n] != across[n + 1]) & (across[n] > 0) & (across[n + 1] > 0))
            one, other = across[n][u, v].astype(np.int64), across[n + 1][u, v].astype(np.int64)
            index = np.stack([np.full(u.size, n + 0.5), u, v], axis=1)
            pairs.append((np.minimum(one, other) << 32) | np.maximum(one, other))
            middles.append(index[:, [[0, 1, 2], [1, 0, 2], [1, 2, 0]][axis]])
            vectors.append(np.where(one < other, 1.0, -1.0)[:, None] * area)
    return np.concatenate(pairs), np.concatenate(middles), np.concatenate(vectors)
