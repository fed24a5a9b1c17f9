"""ROS nodes of this package. The camera node imports rclpy; the others also run over plain DDS."""
