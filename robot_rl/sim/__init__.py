"""MuJoCo: simulated arm, scenes, ground truth of tasks, rendering, scripted experts."""
