#!/usr/bin/env bash
# Builds .venv: installs missing Debian packages, then the Python packages of constraints.txt.
# Run through `make setup`, which skips a finished set-up. With the argument `firmware`: installs the pendant's tools instead.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
EXTRAS=${EXTRAS:-jax,torch,vision,sim,spacemouse,gamepad,lerobot,minari,page,metrics,pendant,robotiq,camera,ros,charts,docs,dev}
VENDORS=${VENDORS:-franka,ur} # small; tests compare the drivers' fakes with these libraries

section() { printf '\n== %s\n' "$*"; }
fail() { printf '\nmake setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

missing_packages() { # prints the arguments that dpkg does not list as installed
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_debian() { # install_debian required|optional PACKAGE...
    local need=$1 packages
    shift
    command -v dpkg-query >/dev/null || return 0 # another distribution: `robot-rl doctor` lists what is missing
    packages=$(missing_packages "$@")
    [ -n "$packages" ] || return 0
    section "Debian packages ($need): $packages"
    # shellcheck disable=SC2086  # the list is meant to split
    if can_be_root && { apt_install $packages || { as_root apt-get update && apt_install $packages; }; }; then
        return 0
    fi
    [ "$need" = optional ] || fail "these Debian packages are missing: $packages; run: sudo apt-get install $packages"
    echo "make setup: continued without $packages; most machines do not need it."
}

check_python() {
    command -v "$PYTHON" >/dev/null || install_debian required python3
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || fail "$PYTHON is $("$PYTHON" --version 2>&1), expected 3.11 or newer; run: make setup PYTHON=/path/to/python3.11"
}

build_venv() {
    [ ! -x .venv/bin/pip ] || return 0
    # Debian packages ensurepip separately; without it `python -m venv` fails half way.
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || install_debian required python3-venv
    section "Python environment .venv"
    "$PYTHON" -m venv --clear .venv
}

if [ "${1:-}" = firmware ]; then
    install_debian required gcc libc6-dev make gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm cppcheck clang
    install_debian optional libclang-rt-dev # libFuzzer; other releases have it in clang itself
    exit 0
fi
check_python
install_debian required libegl1 libgl1 libgl1-mesa-dri # rendering without a screen
install_debian required libusb-1.0-0                   # pyrealsense2 links it
install_debian optional chromium                       # drives the operator's page in the tests
install_debian optional libosmesa6                     # fallback where EGL finds no device
build_venv
section "Python packages (extras: $EXTRAS)"
.venv/bin/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[$EXTRAS]"
section "Libraries of real arms (extras: $VENDORS)"
.venv/bin/python -m pip install --disable-pip-version-check --quiet --only-binary :all: -c constraints.txt -e ".[$VENDORS]" \
    || echo "make setup: continued without them (no wheel for this machine?). Tests that need one are skipped with a message."
section "Ready: .venv/bin/robot-rl --help"
