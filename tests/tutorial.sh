#!/usr/bin/env bash
# Runs every command of docs/tutorial.md in order, in a clean clone of HEAD, and stops at the first
# that fails. Takes as long as building from nothing and make afqmc.
#
#   tests/tutorial.sh               # in a temporary folder, which is removed
#   tests/tutorial.sh FOLDER        # in FOLDER, which must not exist and stays
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
clone=${1:-$(mktemp -d)/act}
[ -n "${1:-}" ] || trap 'rm -rf "$(dirname "$clone")"' EXIT
git clone --quiet "$root" "$clone"
cd "$clone"
# The tutorial's paths are those of a clone whose build goes where cargo puts it.
unset CARGO_TARGET_DIR
sed -n '/^```sh$/,/^```$/{/^```/!p}' docs/tutorial.md > tutorial.bash
time bash -euo pipefail tutorial.bash
