"""Drivers of real arms behind one contract (`contract.Driver`): connect, read, write, stop, recover.

A driver only transfers torques and states between the loop and one arm: it holds no law, clears errors on request
only, and no torque outlives its sender. Vendor libraries are extras, imported when a driver connects.
The simulated arm implements the same contract in `robot_rl.sim.driver`.
"""
