"""Programs on the ROS graph. Importing them needs no ROS: rclpy comes in when `main` runs."""
