"""Settings of trainings that show the machinery, not the learning."""

SMALL_AGENT = ("--learner.update-ratio.pretrain-updates", "16", "--agent.hidden", "32", "32")
