#!/usr/bin/env bash
# Runs every command of docs/tutorial.md in order, in a clean clone of HEAD, and stops at the first
# that fails. Takes as long as building from nothing and make afqmc.
#
#   tests/tutorial.sh               # in a temporary folder, which is removed
#   tests/tutorial.sh FOLDER        # in FOLDER, which must not exist and stays
set -euo pipefail
. "$(dirname "$0")/follow.sh"
in_clone "${1:-}"
follow docs/tutorial.md
