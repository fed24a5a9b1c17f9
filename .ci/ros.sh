#!/usr/bin/env bash
# Runs the tests that need ROS 2, where it is sourced or found below /opt/ros; prints NOT CHECKED where it is not.
# Run through `make ros`.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${AMENT_PREFIX_PATH:-}" ]; then
    distributions=${ROS_DISTRIBUTIONS:-/opt/ros}
    setup=$(find "$distributions" -mindepth 2 -maxdepth 2 -name setup.bash 2>/dev/null | sort | tail -n 1 || true)
    if [ -z "$setup" ]; then
        echo "NOT CHECKED: no ROS 2 is sourced, and none is below $distributions; nodes and launch files were not run."
        exit 0
    fi
    set +u # ROS's own scripts read unset variables
    # shellcheck disable=SC1090  # found above
    source "$setup"
    set -u
fi
if ! why=$(.venv/bin/python -c 'import rclpy' 2>&1); then
    echo "NOT CHECKED: .venv ($(.venv/bin/python --version)) cannot import the rclpy of ROS $ROS_DISTRO: ${why##*$'\n'}"
    exit 0
fi
# shellcheck disable=SC2086  # arguments of pytest-xdist
exec .ci/tests.sh -m ros ${PARALLEL:-}
