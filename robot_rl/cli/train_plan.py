"""Plan of a run's processes: the command lines of its learner and actors, their logs and cores."""

from robot_rl.cli.page_flags import free_port
from robot_rl.config import TrainConfig
from robot_rl.runtime.runs.live import Budget, ProgressReader
from robot_rl.runtime.runs.metrics import METRICS_FILE
from robot_rl.runtime.runs.processes import ProcessPlan, available_cores, robot_rl_command, share_cores
from robot_rl.runtime.runs.rest import rest_of
from robot_rl.runtime.runs.run_folder import RunFolder
from robot_rl.runtime.runs.supervisor import EarlyStop, TrainingPlan


def training_plan(
    folder: RunFolder, config: TrainConfig, page: tuple[str, ...], rest: bool = False
) -> TrainingPlan | None:
    """Return how to train: processes, and the limits of this session of the run.

    Args:
        rest: only what earlier sessions left of the budget; None where that is nothing.
    """
    budget = config.budget
    folders = [folder.learner, folder.curve, *(folder.actor(i) for i in range(config.actors))]
    earlier = ProgressReader(folders).read()
    limits: Budget | None = Budget(budget.minutes, budget.env_steps, earlier.env_steps)
    if rest:
        limits = rest_of(folder, Budget(budget.minutes, budget.env_steps), earlier.env_steps)
    if limits is None:
        return None
    learner, actors = plan_processes(folder, config, f"tcp://127.0.0.1:{free_port()}", page)
    return TrainingPlan(
        f"{folder.name}: {config.task}",
        learner,
        actors,
        folders,
        limits,
        None if budget.stop_success is None else EarlyStop(budget.stop_success, budget.stop_window, earlier.episodes),
    )


def curve_plan(folder: RunFolder, config: TrainConfig) -> ProcessPlan | None:
    """Return how to start the evaluation of kept policies beside the training, if the settings want it."""
    if config.evaluation.every is None:
        return None
    return ProcessPlan("curve", robot_rl_command("curve", str(folder.root), "--follow"), folder.curve / "log.txt")


def sinks_plan(folder: RunFolder, names: tuple[str, ...]) -> ProcessPlan | None:
    """Return how to start what sends the metrics to services, if any are named."""
    if not names:
        return None
    words = robot_rl_command("sinks", str(folder.root), "--to", *names, "--follow")
    return ProcessPlan("sinks", words, folder.root / "sinks" / "log.txt")


def plan_processes(
    folder: RunFolder, config: TrainConfig, address: str, page: tuple[str, ...] = ()
) -> tuple[ProcessPlan, list[ProcessPlan]]:
    """Return how to start the learner and the actors of a run; the first actor has the page."""
    settings = ("--config", str(folder.config_file), "--address", address)
    learner_cores, actor_cores = share_cores(config.actors, available_cores())
    recorded = config.demonstrations_from or folder.demonstrations
    demos = ("--demonstrations-from", str(recorded)) if config.demonstrations else ()
    learner = ProcessPlan(
        "learner",
        robot_rl_command("learner", *settings, "--folder", str(folder.learner), "--run-name", folder.name, *demos),
        folder.learner / "log.txt",
        learner_cores,
        folder.learner / METRICS_FILE,
    )
    return learner, [
        ProcessPlan(
            f"actor-{i}",
            robot_rl_command(
                "actor", *settings, "--folder", str(folder.actor(i)), "--name", f"actor-{i}",
                "--run-name", folder.name, "--index", str(i), *(() if i and page != ("--no-page",) else page),
            ),
            folder.actor(i) / "log.txt",
            cores,
            folder.actor(i) / METRICS_FILE,
        )
        for i, cores in enumerate(actor_cores)
    ]  # fmt: skip
