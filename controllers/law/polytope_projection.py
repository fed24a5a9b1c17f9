"""Exact projection onto the workspace polytope (box and planes); fallback of the iterative clip at sharp corners.

The nearest point of a convex polytope lies on one face, on the edge of two or in the corner of three; all are tried.
"""

import math

from controllers.compilation import inner
from controllers.geometry import FloatArray, Vec3
from controllers.law.gains import Gains

FACE_TOLERANCE_M = 1e-9
PARALLEL = 1e-9  # of the squared sine between two faces: below it they count as parallel

Face = tuple[float, float, float, float]  # n_x, n_y, n_z, d of n . p >= d


@inner
def _face(index: int, gains: Gains) -> Face:
    """Return face `index`: three lower, three upper, then the planes."""
    axis = index % 3
    x, y, z = 1.0 if axis == 0 else 0.0, 1.0 if axis == 1 else 0.0, 1.0 if axis == 2 else 0.0
    if index < 3:
        return (x, y, z, gains.workspace_lower[axis])
    if index < 6:
        return (-x, -y, -z, -gains.workspace_upper[axis])
    plane = gains.planes[index - 6]
    return (plane[0], plane[1], plane[2], plane[3])


@inner
def _dot(a: Vec3, b: Face) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inner
def _along(p: Vec3, way: Vec3, face: Face) -> Vec3:
    """Return the point from p along `way` on the face; p itself where `way` is parallel to it."""
    towards = _dot(way, face)
    if towards < PARALLEL:
        return p
    s = (face[3] - _dot(p, face)) / towards
    return (p[0] + s * way[0], p[1] + s * way[1], p[2] + s * way[2])


@inner
def _without(way: Vec3, other: Vec3) -> Vec3:
    """Return the component of one direction across the other."""
    square = other[0] * other[0] + other[1] * other[1] + other[2] * other[2]
    s = (way[0] * other[0] + way[1] * other[1] + way[2] * other[2]) / square if square > PARALLEL else 0.0
    return (way[0] - s * other[0], way[1] - s * other[1], way[2] - s * other[2])


@inner
def _meeting(p: Vec3, a: Face, b: Face, c: Face) -> Vec3:
    """Return the point on all three faces nearest to p: onto the first, along it to the second, along both."""
    first = (a[0], a[1], a[2])
    second = _without((b[0], b[1], b[2]), first)
    third = _without(_without((c[0], c[1], c[2]), first), second)
    return _along(_along(_along(p, first, a), second, b), third, c)


@inner
def beyond_faces(p: Vec3, gains: Gains) -> float:
    """Return the distance of a position outside box and planes [m]; negative inside."""
    worst = -math.inf
    for index in range(6 + gains.planes.shape[0]):
        face = _face(index, gains)
        worst = max(worst, face[3] - _dot(p, face))
    return worst


@inner
def nearest_inside(p: FloatArray, gains: Gains) -> bool:
    """Move p to the nearest allowed position; return False and leave p where there is none."""
    start, faces = (p[0], p[1], p[2]), 6 + gains.planes.shape[0]
    best, best_square = start, math.inf
    for i in range(faces):
        for j in range(i, faces):
            for k in range(j, faces):
                found = _meeting(start, _face(i, gains), _face(j, gains), _face(k, gains))
                x, y, z = found[0] - start[0], found[1] - start[1], found[2] - start[2]
                square = x * x + y * y + z * z
                if square < best_square and beyond_faces(found, gains) <= 0.1 * FACE_TOLERANCE_M:
                    best, best_square = found, square
    for i in range(3):
        p[i] = best[i]
    return best_square < math.inf
