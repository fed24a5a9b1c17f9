#!/usr/bin/env bash
# Runs pytest with the arguments given. Tests in real time can fail where a shared machine stands still for a second or
# two, so each that failed runs once more, after the others and alone; the first failure stays in the output.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
.venv/bin/python -m pytest -q --durations=10 "$@" || status=$?
if [ "$status" -eq 1 ]; then # tests failed; other codes are pytest's own
    echo "SECOND RUN of the tests that failed:"
    exec .venv/bin/python -m pytest -q --last-failed --last-failed-no-failures none "$@" -n 0
fi
exit "$status"
