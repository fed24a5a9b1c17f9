"""Loops that compose the rooms: actor, learner, evaluation, and what they write down."""
