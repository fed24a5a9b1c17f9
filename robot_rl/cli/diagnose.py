"""`robot-rl diagnose`: why a run does not learn."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.diagnosis.diagnose import diagnose
from robot_rl.diagnosis.evidence import Evidence, read_evidence
from robot_rl.diagnosis.finding import Finding
from robot_rl.runtime.runs.run_folder import RunFolder, existing_run


@dataclass(frozen=True)
class Arguments:
    """Explain a run that does not learn, from its files, also while it is in training: what was measured, the threshold
    that it crosses, and what to do; what blocks all learning stands first. Networks are judged from 200 updates on, and
    only while the policy alone succeeds in less than 90 %.

    Exit code 0: nothing found; 1: something found.

    what blocks all learning:
      rewards that never differ, labels that no reward source reads, demonstrations that did not arrive,
      a camera or encoder that stands still, no episodes, no updates

    what hinders it:
      faults, late steps, too few updates per transition, weights that do not arrive,
      time limits that end tasks, a discount that hides the reward,
      a human always in charge, a failing hand that is imitated, demonstrations forgotten in the first steps,
      Q above all returns or at nothing, actions at their bounds, lost or run-away exploration, dormant units

    what misleads:
      success in training far above that of the policy alone

    examples:
      robot-rl diagnose runs/first
      robot-rl diagnose runs/first --json | jq '.findings[].cause'
      robot-rl diagnose runs/first || echo "see above"
    """

    run: Positional[Path]
    """The run's folder, as in `runs/NAME`."""
    json: bool = False
    """Print JSON only."""


def run(arguments: Arguments) -> int:
    """Print the findings."""
    folder = existing_run(arguments.run)
    evidence = read_evidence(folder)
    findings = diagnose(evidence)
    print(_json(folder, evidence, findings) if arguments.json else _text(folder, evidence, findings))
    return 1 if findings else 0


def brief(folder: RunFolder) -> list[str]:
    """Return a line for each finding, and the command that says more; nothing where nothing is found."""
    findings = diagnose(read_evidence(folder))
    more = [f"what to do: robot-rl diagnose {folder.root}"] if findings else []
    return [*(f"{finding.cause}: {finding.text}" for finding in findings), *more]


def _text(folder: RunFolder, evidence: Evidence, findings: list[Finding]) -> str:
    lines = [_head(folder, evidence)]
    for number, finding in enumerate(findings, 1):
        lines += [
            f"{number}. {finding.severity.name.lower():<9}{finding.cause}: {finding.text}.",
            f"   measured {finding.value:.3g}, threshold {finding.bound:.3g}; {finding.advice}.",
        ]
    return "\n".join(lines if findings else [*lines, "nothing found"])


def _head(folder: RunFolder, evidence: Evidence) -> str:
    alone, history = evidence.success_alone, evidence.history
    success = "unknown" if alone is None else f"{alone:.0%}"
    counts = (
        f"{int(history.steps.sum())} steps, {history.steps.size} episodes, {int(evidence.update.get('updates') or 0)}"
    )
    return f"{folder.name}: {counts} updates; success of the policy alone: {success}"


def _json(folder: RunFolder, evidence: Evidence, findings: list[Finding]) -> str:
    listed = [asdict(finding) | {"severity": finding.severity.name.lower()} for finding in findings]
    return json.dumps({"run": str(folder.root), "success_alone": evidence.success_alone, "findings": listed}, indent=2)
