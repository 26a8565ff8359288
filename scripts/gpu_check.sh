#!/usr/bin/env bash
# On a machine with a GPU, within ten minutes: builds, runs every test labelled gpu, NVIDIA's sanitizers on small
# sizes, and measures the ceilings, every kernel, whole steps and inference; see scripts/gpu_check.py.
#
#   scripts/gpu_check.sh [OPTION...]      of gpu_check.py: --list, --dry-run, --only, --out, --peer, --python
set -euo pipefail
. "$(dirname "$0")/lib.sh"

use_cmake
use_cuda
exec python3 scripts/gpu_check.py "$@"
