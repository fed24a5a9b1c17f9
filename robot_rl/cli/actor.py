"""`robot-rl actor`: an actor as a process of its own; it connects to a learner."""

from dataclasses import dataclass

from robot_rl.build_human import open_page
from robot_rl.cli.arguments import ProcessArguments
from robot_rl.cli.page_flags import PageFlags
from robot_rl.nodes.acting import ActorLaunch, act
from robot_rl.page.settings import write_port


@dataclass(frozen=True, kw_only=True)
class Arguments(PageFlags, ProcessArguments):
    """Act: robot, cameras, policy and human; send each step to a learner, take weights from it.

    The settings must be those of the learner: what differs is refused, with both sides named. An actor that is started
    again with the same folder goes on.

    examples, on two machines:
      robot-rl learner pick-lift --folder runs/x/learner --address tcp://10.0.0.1:5555 --keys learner.keys.json
      robot-rl actor pick-lift --folder runs/x/actor-0 --address tcp://10.0.0.1:5555 --keys actor-0.keys.json
    """

    name: str = "actor-0"
    """Each actor of a run has a name of its own."""
    run_name: str = "run"
    """Name of the run."""
    index: int = 0
    """Number of this actor: its episodes differ from those of the others."""
    weights_timeout_s: float = 900.0
    """Longest wait for the learner's first weights before acting [s]."""


def run(arguments: Arguments) -> int:
    """Act until a signal comes."""
    launch = ActorLaunch(
        arguments.folder,
        arguments.address,
        arguments.keys,
        arguments.name,
        arguments.run_name,
        arguments.index,
        arguments.weights_timeout_s,
        arguments.view3d,
    )
    config = arguments.config
    with open_page(arguments.page_settings(config, config.human.kind, arguments.folder.parent)) as page:
        if page is not None:
            write_port(arguments.folder, page.port)
        act(config, launch, page)
    return 0
