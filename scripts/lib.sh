# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the scripts share; sourced by each of them, and it moves them to the top of the tree.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/build/logs
JOBS=${JOBS:-$(nproc)}
# Two checkouts share what ccache has: names are taken relative to the top of the tree.
export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
cd "$ROOT"

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' PLAIN=''
fi

# The comment at the top of a script, without its #, is its --help.
print_help() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

die() {
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

usage_error() { die 2 "$* (--help says more)"; }

# as_log_name "tests (release)" is tests-release.
as_log_name() {
  local name=${1//[^A-Za-z0-9]/-}
  while [[ $name == *--* ]]; do name=${name//--/-}; done
  printf '%s' "${name%-}"
}

# step NAME COMMAND...: runs it without stdin and with its output in build/logs; prints the name and how long it
# took. When it fails, prints the tail of the log and ends the script with 1.
step() {
  local name=$1 log status=0 from=$SECONDS
  shift
  mkdir -p "$LOGS"
  log=$LOGS/$(as_log_name "$name").log
  printf '%s==> %s%s\n' "$BOLD" "$name" "$PLAIN"
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if ((status != 0)); then
    printf '%s\n' "---- the end of ${log#"$ROOT"/} ----"
    tail -n "${LOG_TAIL:-80}" "$log"
    printf '%s\n' "---- failed: $name, status $status, after $((SECONDS - from)) s ----"
    exit 1
  fi
  printf '%s    %s s%s\n' "$DIM" "$((SECONDS - from))" "$PLAIN"
}

# sources PATTERN...: the files of the project by that name, whether or not this is a git checkout.
sources() {
  local pattern names=()
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else
    for pattern in "$@"; do names+=(-o -path "./$pattern"); done
    find . -path './build*' -prune -o -path ./.git -prune -o -type f \( "${names[@]:1}" \) -print | sed 's|^\./||'
  fi | while IFS= read -r name; do
    if [[ -f $name ]]; then printf '%s\n' "$name"; fi
  done | LC_ALL=C sort
}
