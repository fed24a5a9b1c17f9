"""Diagnosis of a run: all causes that its evidence shows, the worst first."""

from robot_rl.diagnosis import data_causes, network_causes, process_causes
from robot_rl.diagnosis.evidence import Evidence
from robot_rl.diagnosis.finding import Finding

ALWAYS = (*data_causes.CAUSES, *process_causes.CAUSES, network_causes.start_dip, network_causes.flattering_success)


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return the findings by severity; networks are not judged where the policy alone succeeds."""
    causes = ALWAYS if evidence.succeeds else (*ALWAYS, *network_causes.CAUSES)
    return sorted((finding for cause in causes for finding in cause(evidence)), key=lambda finding: finding.severity)
