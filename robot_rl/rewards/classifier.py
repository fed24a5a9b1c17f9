"""Reward source from images: a success classifier on an encoder's features, trained further by labels, or against the
policy (VICE: Fu et al. 2018, with a gradient penalty).
"""

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from robot_rl.core import checks
from robot_rl.core.errors import ConfigError
from robot_rl.rewards.classifier_training import TrainingConfig, train_model
from robot_rl.rewards.source import RewardSource, StepOutcome, Verdict
from robot_rl.rewards.success_model import TRAINING_COMMAND, Frames, SuccessModel, Views, load_model, save_model

FILE = "classifier.safetensors"
"""Name of the classifier's file in a run's folder, and of the one trained further in an actor's folder."""
POSITIVES = 2
"""Frames up to a success label that count as success."""
UNSURE = 5
"""Frames before those that count as nothing: the event lies a reaction time before its label."""
ADVERSARIAL_FRAMES, ADVERSARIAL_PENALTY = 20, 0.1
"""Frames of each episode that VICE takes as negatives, drawn evenly; its weight of the gradient penalty."""
HARD = 20
"""Frames of an episode without success that are taken as negatives, those of the highest probability."""


@dataclass(frozen=True)
class ClassifierSettings:
    """Settings of the classifier.

    Raises:
        ConfigError: no file, or numbers out of their range.
    """

    file: Path | None = None
    """File of `robot-rl classifier train`."""
    threshold: float | None = None
    """Probability above which a frame counts as success; None: the file's."""
    k: int = 2
    """Frames above the threshold, of the last n, that make a success."""
    n: int = 3
    """Length of that window."""
    retrain: bool = True
    """Train it further, between episodes, on the frames that the operator's labels concern."""
    adversarial: bool = False
    """VICE: train it further on the run's own episodes as negatives instead of on labels; successes stay those of the
    recordings, and the threshold keeps its recall. For a run without labels."""
    adversarial_window: int = 2000
    """Newest frames of the run that VICE keeps as negatives."""
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.file is None:
            raise ConfigError(
                "classifier.file: got none, expected a file; train it with "
                f"`{TRAINING_COMMAND}`, then add --reward-settings classifier.file FILE."
            )
        checks.fraction(self, "threshold")
        checks.at_least(self, 1, "k")
        checks.at_least(self, self.k, "n")
        checks.at_least(self, ADVERSARIAL_FRAMES, "adversarial_window")


class Classifier(RewardSource):
    """Reward 1 and the end of the episode when k of the last n frames look like success.

    The operator's labels overrule it (priority 30) and train it further: frames at a success label are successes, those
    of an episode that the operator ended as a failure, undid, or let run out of time are not. Members are trained in a
    thread and exchanged when ready; their file is kept in the actor's folder.
    """

    name = "classifier"
    priority = 20
    Settings = ClassifierSettings
    needs_features = True

    def __init__(self, settings: ClassifierSettings) -> None:
        self._settings = settings
        self._folder: Path | None = None
        self._thread: threading.Thread | None = None
        self._new: list[Frames] = []  # labelled since the last training began
        self._counts = {"classifier_judged": 0, "classifier_disagreed": 0}
        self._clear()

    @cached_property
    def model(self) -> SuccessModel:
        """The classifier in use, read with the first frame: a learner needs no file.

        Raises:
            ConfigError: no such file, or not a classifier.
        """
        assert self._settings.file is not None
        return load_model(self._settings.file)

    def check(self, views: Views) -> None:
        """Refuse views that differ from those of the classifier.

        Raises:
            ConfigError: the first difference, with both sides.
        """
        self.model.views.check(views)

    def open(self, folder: Path) -> None:
        """Learn from labels from now on; continue with the classifier that an earlier session trained further."""
        self._folder = folder
        if (folder / FILE).exists():
            self.model = load_model(folder / FILE)

    def reset(self) -> None:
        """Close the episode before: count and learn what its labels say."""
        if self._inputs:
            self._close()
        self._clear()

    def judge(self, outcome: StepOutcome) -> Verdict:
        """Return success once k of the last n frames are above the threshold."""
        inputs = self.model.views.read(outcome.obs)
        probability = float(self.model.probability(inputs[:1])[0])
        threshold = self._settings.threshold
        self._recent.append(probability > (self.model.threshold if threshold is None else threshold))
        self._inputs.append(inputs.astype(np.float16))
        self._probabilities.append(probability)
        ended = outcome.terminated and self._recent[-1]  # by the environment: no more frames come
        success = ended or sum(self._recent) >= self._settings.k
        self._claimed |= success
        self.late_labels(outcome.labels)
        return Verdict(float(success), success, success)

    def late_labels(self, labels: tuple[str, ...]) -> None:
        """Take labels about the last step; those given before an episode's first one are of no use here."""
        if self._inputs:
            self._verdicts += [label for label in labels if label in ("success", "failure", "undo")]

    def metrics(self) -> dict[str, float]:
        """Return since the last call: episodes that either judged, and those in which the operator disagreed."""
        counts, self._counts = self._counts, dict.fromkeys(self._counts, 0)
        return dict(counts)

    def wait(self) -> None:
        """Wait for a training under way."""
        if self._thread is not None:
            self._thread.join()

    def _clear(self) -> None:
        self._inputs: list[np.ndarray] = []
        self._probabilities: list[float] = []
        self._recent: deque[bool] = deque(maxlen=self._settings.n)
        self._verdicts: list[str] = []
        self._claimed = False

    def _close(self) -> None:
        human = self._verdicts[-1] if self._verdicts else ""
        undone = human == "undo" and self._claimed  # an undo of the operator's own label says nothing of the frames
        judged = self._claimed or human in ("success", "failure")
        agrees = undone is False and (not human or (human == "success") == (self._claimed or any(self._recent)))
        self._counts["classifier_judged"] += judged
        self._counts["classifier_disagreed"] += judged and not agrees
        if self._folder is None or not self._settings.retrain:
            return
        if self._settings.adversarial:
            self._learn(np.linspace(0, len(self._inputs) - 1, ADVERSARIAL_FRAMES).astype(int), 0)
        elif human == "success":
            self._learn(self._hardest(len(self._inputs) - POSITIVES - UNSURE), POSITIVES)
        elif undone or human == "failure" or not (judged or human):
            self._learn(self._hardest(len(self._inputs)), 0)

    def _hardest(self, count: int) -> np.ndarray:
        """Return which of the first frames look most like success."""
        return np.argsort(self._probabilities[: max(0, count)])[-HARD:]

    def _learn(self, hard: np.ndarray, positives: int) -> None:
        """Add some frames as negatives and the last ones as successes; train in a thread."""
        rows = [*hard, *range(max(0, len(self._inputs) - positives), len(self._inputs))]
        if not rows:
            return
        success = np.arange(len(rows)) >= len(hard)
        self._new.append(Frames(np.stack([self._inputs[row] for row in rows]), success, np.zeros(len(rows), int)))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._train, daemon=True)
            self._thread.start()

    def _train(self) -> None:
        """Train on all frames so far, keep the file, and exchange the model."""
        model, folder = self.model, self._folder
        assert folder is not None
        frames, config, card = model.frames, self._settings.training, dict(model.card)
        while self._new:
            frames = frames.joined(self._new.pop(0))
        if self._settings.adversarial:
            recorded = card.setdefault("recorded", len(model.frames.success))
            newest = np.arange(len(frames.success))[recorded:][-self._settings.adversarial_window :]
            frames = frames.part(np.r_[:recorded, newest])
            config = replace(config, gradient_penalty=config.gradient_penalty or ADVERSARIAL_PENALTY)
        rng = np.random.default_rng(len(frames.success))
        model = train_model(frames, model.views, config, rng, card)
        save_model(folder / FILE, model)
        self.model = model
