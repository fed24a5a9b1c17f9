"""The only doors to the world: the Robot and Camera protocols and what implements them."""
