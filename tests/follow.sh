# Sourced by readme.sh and tutorial.sh: a clean clone of HEAD, and the commands of a document in it.
#
#   WARM=FOLDER   a target folder of the same commit to start from, where building from nothing is not
#                 what is in question

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# in_clone [FOLDER]: clones to FOLDER, which must not exist and stays, or to a temporary one, which is
# removed; and goes there.
in_clone() {
  clone=${1:-$(mktemp -d)/act}
  [ -n "${1:-}" ] || trap 'rm -rf "$(dirname "$clone")"' EXIT
  git clone --quiet "$root" "$clone"
  # The documents' paths are those of a clone whose build goes where cargo puts it.
  unset CARGO_TARGET_DIR
  if [ -n "${WARM:-}" ]; then
    cp -a "$WARM" "$clone/target"
    # Cargo builds anew what is younger than its build.
    git -C "$clone" ls-files -z | (cd "$clone" && xargs -0 touch -d 2020-01-01)
  fi
  cd "$clone"
}

# follow DOCUMENT: runs what stands between ```sh and ```, in order, and stops at the first that fails.
follow() {
  local commands
  commands=$(mktemp)
  sed -n '/^```sh$/,/^```$/{/^```/!p}' "$1" > "$commands"
  [ -s "$commands" ] || { echo "$1 has no commands" >&2; exit 1; }
  time bash -euxo pipefail "$commands"
  rm "$commands"
}
