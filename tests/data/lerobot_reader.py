"""Reads a dataset with LeRobot itself, in an interpreter of its own: `python lerobot_reader.py FOLDER OUT.npz`.

Writes every column of every frame, images as uint8 (N, H, W, 3), and what a loader of batches makes of it.
"""

import sys

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset

folder, out = sys.argv[1:]
dataset = LeRobotDataset("local/dataset", root=folder)
columns = {}
for i in range(len(dataset)):
    for name, value in dataset[i].items():
        array = np.asarray(value)
        if name in dataset.meta.camera_keys:
            array = np.rint(255.0 * np.moveaxis(array, 0, -1)).astype(np.uint8)
        columns.setdefault(name, []).append(array)
second = LeRobotDataset("local/dataset", root=folder, episodes=[1], delta_timestamps={"action": [0.0, 0.1]})
batch = next(iter(torch.utils.data.DataLoader(second, batch_size=2)))
stats = {f"stats/{name}": dataset.meta.stats[name]["mean"] for name in dataset.features}
stats["quantiles"] = np.stack([dataset.meta.stats["action"][name] for name in ("q01", "q10", "q50", "q90", "q99")])
np.savez(out, **{name: np.stack(values) for name, values in columns.items()}, **stats, batch=batch["action"].numpy())
