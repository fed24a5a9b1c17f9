#!/usr/bin/env bash
# Looks for known vulnerabilities of the pinned packages: 0 none, 1 some (they are printed), 2 nothing was checked, since
# no network or database can be reached. Run through `make audit`; $AUDIT_VENV is its environment.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${AUDIT_VENV:-.venv/audit}
unchecked() {
    echo "NOT CHECKED: got no $1, expected a network; run this again with one. No package was looked up." >&2
    exit 2
}

if [ ! -x "$venv/bin/pip-audit" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --retries 1 pip-audit==2.10.1 || unchecked "package index"
fi
# --strict: packages that the database does not answer for are an error, not silence.
status=0
said=$("$venv/bin/pip-audit" --strict --disable-pip --no-deps --requirement constraints.txt 2>&1) || status=$?
echo "$said"
[ "$status" -eq 0 ] && exit 0
[[ "$said" == *vulnerabilit*" in "* ]] && exit 1
unchecked "answer of the database"
