"""ROS node of the controller: commands, parameters, publishers over the control process."""
