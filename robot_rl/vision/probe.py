"""Linear probe of an encoder: what ridge regression reads from its features on held-out episodes.

A small policy can use what a linear map finds; perspective, which is not linear, is part of the error.
"""

import numpy as np

RIDGE = 1e-3


def probe(features: np.ndarray, targets: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return the root mean square error of a linear map, per target, on the held-out rows, fitted to the others.

    Shapes: features (N, F), targets (N, K), held_out (N,) bool; returns (K,).
    """
    mean, std = features[~held_out].mean(0), features[~held_out].std(0) + 1e-6
    x = np.column_stack([(features - mean) / std, np.ones(len(features))])
    fit = x[~held_out]
    weights = np.linalg.solve(fit.T @ fit + RIDGE * len(fit) * np.eye(x.shape[1]), fit.T @ targets[~held_out])
    return np.sqrt(np.square(x[held_out] @ weights - targets[held_out]).mean(0))
