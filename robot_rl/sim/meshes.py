"""Closed surfaces for drawing: tubes along a path, and boxes with round edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

AROUND, ALONG = 28, 5
"""Corners of a ring, and rings between two points of a path."""


class Surface(NamedTuple):
    """A closed surface.

    Shapes: vertices (V, 3) [m]; faces (F, 3), anticlockwise seen from outside.
    """

    vertices: np.ndarray
    faces: np.ndarray


def tube(points: Sequence[Sequence[float]], radii: Sequence[float], cap: float = 0.5) -> Surface:
    """Return a tube through points (K, 3) [m] with a radius at each, closed by round caps.

    Args:
        cap: height of a cap, in radii.
    """
    path, r = _smooth(np.asarray(points, float)), _smooth(np.asarray(radii, float)[:, None])[:, 0]
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    turns = np.linspace(0.0, np.pi / 2, ALONG + 1)[:-1]
    head = [(path[0] - cap * r[0] * np.cos(a) * tangents[0], r[0] * np.sin(a), tangents[0]) for a in turns[1:]]
    tail = [(path[-1] + cap * r[-1] * np.cos(a) * tangents[-1], r[-1] * np.sin(a), tangents[-1]) for a in turns[:0:-1]]
    rings = [*head, *zip(path, r, tangents, strict=True), *tail]
    ends = path[0] - cap * r[0] * tangents[0], path[-1] + cap * r[-1] * tangents[-1]
    return _lofted([_ring(*ring, _sideways(tangents)) for ring in rings], *ends)


def round_box(half: Sequence[float], edge: float = 0.25) -> Surface:
    """Return a box of half sizes (3,) [m] with round edges.

    Args:
        edge: roundness in (0, 1]: 1 is an ellipsoid.
    """
    latitudes = np.linspace(-np.pi / 2, np.pi / 2, 4 * ALONG + 1)[1:-1]
    around = np.linspace(0.0, 2.0 * np.pi, 2 * AROUND, endpoint=False)

    def power(x: np.ndarray) -> np.ndarray:
        rounded: np.ndarray = np.sign(x) * np.abs(x) ** edge
        return rounded

    outline = np.stack([power(np.cos(around)), power(np.sin(around))], axis=1)
    rings = [
        np.column_stack([power(np.cos(b)) * outline, np.full(len(outline), power(np.sin(b)))]) * half for b in latitudes
    ]
    bottom, top = np.array([0.0, 0.0, -half[2]]), np.array([0.0, 0.0, half[2]])
    return _lofted(rings, bottom, top)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return values (K, D) with `ALONG` points between each two, by Catmull and Rom's spline."""
    padded = np.concatenate([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    t = np.linspace(0.0, 1.0, ALONG + 1)[:-1, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*parts, values[-1:]])


def _sideways(tangents: np.ndarray) -> np.ndarray:
    """Return a direction that no tangent has: the axis along which the path moves least."""
    return np.eye(3)[int(np.argmin(np.abs(tangents).max(axis=0)))]


def _ring(centre: np.ndarray, radius: float, tangent: np.ndarray, sideways: np.ndarray) -> np.ndarray:
    """Return the corners (AROUND, 3) of a circle across a tangent."""
    first = np.cross(tangent, sideways)
    first /= np.linalg.norm(first)
    angles = np.linspace(0.0, 2.0 * np.pi, AROUND, endpoint=False)[:, None]
    return centre + radius * (np.cos(angles) * first + np.sin(angles) * np.cross(tangent, first))


def _lofted(rings: Sequence[np.ndarray], start: np.ndarray, end: np.ndarray) -> Surface:
    """Return the surface through rings of corners, closed at two points."""
    count, size = len(rings), len(rings[0])
    vertices = np.concatenate([*rings, start[None], end[None]])
    here = np.arange(size)
    following = (here + 1) % size
    faces = []
    for ring in range(count - 1):
        low, high = ring * size, (ring + 1) * size
        faces += [np.stack([low + here, low + following, high + following], axis=1)]
        faces += [np.stack([low + here, high + following, high + here], axis=1)]
    faces += [np.stack([following, here, np.full(size, count * size)], axis=1)]
    last = (count - 1) * size
    faces += [np.stack([last + here, last + following, np.full(size, count * size + 1)], axis=1)]
    return Surface(vertices, np.concatenate(faces))
