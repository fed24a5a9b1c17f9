"""Client of the ROS graph over rclpy or plain DDS."""
