"""ROS nodes of this package, over rclpy or plain DDS; importing them needs no ROS."""
