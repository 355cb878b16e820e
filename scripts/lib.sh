# Sourced by the other scripts: saying what is being done, and doing it only when it is due.

say() { printf '· %s\n' "$*" >&2; }
fail() {
  printf 'talkover: %s\n' "$*" >&2
  exit 2
}

# need STAMP PATH...: true when something under a path is newer than the stamp.
need() {
  local stamp=$1
  shift
  [ ! -e "$stamp" ] || [ -n "$(find "$@" -name node_modules -prune -o -name target -prune -o -newer "$stamp" -print -quit)" ]
}

# The stamp bears the time of the start, so that an edit made during a build counts as newer.
began() { touch "$1.began"; }
finished() { mv "$1.began" "$1"; }
