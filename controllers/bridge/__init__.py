"""Between the ROS graph and the loop's process, without ROS: what the node decides, in parts that a test can call."""
