"""Between the ROS graph and the loop's process: what the node decides, in parts that a test can call without ROS."""
