"""Cameras behind one protocol: RealSense, webcam, video file, ROS topic."""
