# shellcheck shell=bash
# Sourced by the scripts beside it: words, the choice of cmake, configure and build.
# Every script runs with `set -euo pipefail` and in the root of the project.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

JOBS=$(nproc)
LOGS=build/logs
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/hotrow  # what cannot come from packages lives outside the tree
CMAKE_MINIMUM=3.25
# NumPy where python3 has none of its own; tests with it skip with a word where there is none at all.
NUMPY=$CACHE/numpy
export PYTHONPATH=$NUMPY${PYTHONPATH:+:$PYTHONPATH}
CUDA=$CACHE/cuda  # nvcc and the libraries beside it, where the system has none
# What one checkout compiled serves another.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() { printf '== %s\n' "$*"; }

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# quietly NAME COMMAND...: output goes to a log, of which the end is shown on failure.
quietly() {
  local log=$LOGS/$1.log
  shift
  mkdir -p "$LOGS"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    fail "failed: $* (log: $log)"
  fi
}

has_numpy() { python3 -c 'import numpy' 2>/dev/null; }

is_new_enough_cmake() {
  local version
  version=$("$1" --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p') || return 1
  [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$CMAKE_MINIMUM" "$version" | sort -V | head -n 1)" = "$CMAKE_MINIMUM" ]
}

# Puts setup.sh's own cmake first where the system's is too old.
use_cmake() {
  is_new_enough_cmake cmake || PATH=$CACHE/cmake/bin:$PATH
  is_new_enough_cmake cmake || fail "cmake >= $CMAKE_MINIMUM is missing: run scripts/setup.sh"
}

has_nvcc() { [ -n "${CUDACXX:-}" ] || command -v nvcc >/dev/null; }

# Puts setup.sh's own nvcc into reach where there is no other.
use_cuda() {
  has_nvcc || PATH=$CUDA/bin:$PATH
}

# configure DIRECTORY PRESET OPTION...: as `cmake --preset`, into build/DIRECTORY.
configure() {
  local name=$1 preset=$2 generator=()
  shift 2
  if [ ! -e "build/$name/CMakeCache.txt" ] && command -v ninja >/dev/null; then
    generator=(-G Ninja)
  fi
  quietly "configure-$name" cmake --preset "$preset" -B "build/$name" "${generator[@]}" "$@"
}

# build DIRECTORY [TARGET...]: all targets by default; on a terminal the tool's own progress is shown.
build() {
  local name=$1 command
  shift
  command=(cmake --build "build/$name" --parallel "$JOBS")
  if [ $# -gt 0 ]; then
    command+=(--target "$@")
  fi
  if [ -t 1 ]; then
    "${command[@]}" || fail "the build in build/$name failed"
  else
    quietly "build-$name" "${command[@]}"
  fi
}
