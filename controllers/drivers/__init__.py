"""The real arms, behind one contract (`contract.Driver`): connect, read, write, stop, recover.

A driver moves torques and states between the loop and one arm, and nothing else: no law, no clearing of errors that
nobody asked for, no torque that outlives its sender. Vendor libraries are extras, imported when a driver connects.
The simulated arm keeps the same contract in `robot_rl.sim.driver`.
"""
