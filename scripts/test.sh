#!/usr/bin/env bash
# Runs every test. Sets up the machine, builds, and stops at the first part that fails.
#
#   scripts/test.sh           all parts
#   scripts/test.sh PART...   of: format cuda release plain asan tsan clang
#
# Tests on real data that the project may not carry run where HOTROW_SHARED names its folder, or where
# a folder `shared` lies beside the checkout; else they are skipped with a word.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

parts=("$@")
[ $# -gt 0 ] || parts=(format cuda release plain asan tsan clang)
unit_tests=(kernels_test engine_test data_test formats_test text_test encode_test model_test tools_test
            cuda_on_host_test cuda_kernels_test cuda_model_test)
sanitized_programs=("${unit_tests[@]}" golden_steps golden_steps_on_host make_native dlrm_train dlrm_train_on_host
                    dlrm_data)
threaded_tests=(kernels_test engine_test text_test encode_test model_test)

if [ -z "${HOTROW_SHARED:-}" ] && [ -d ../shared ]; then
  HOTROW_SHARED=$(cd ../shared && pwd)
  export HOTROW_SHARED
fi

# The sources are formatted by one version: others break lines differently.
part_format() {
  if ! command -v clang-format-14 >/dev/null; then
    say "format: skipped, no clang-format-14"
    return
  fi
  say "format"
  find kernels engine data model tools tests -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' |
    sort | xargs clang-format-14 --dry-run -Werror || fail "run clang-format-14 -i on the files above"
}

# The kernels for a GPU, as nvcc compiles them. Run on the CPU, they are part of the unit tests.
part_cuda() {
  if ! has_nvcc; then
    say "cuda: skipped, no nvcc"
    return
  fi
  say "cuda: build with nvcc"
  configure release release -DHOTROW_CUDA=ON
  build release gpu_tests
  say "cuda: registers and spills, tests on a GPU where there is one"
  quietly ctest-cuda ctest --test-dir build/release --verbose --no-tests=error -L '^(cuda|gpu)$'
  grep -oE '(skipped: |cuda resources ok).*' "$LOGS/ctest-cuda.log"
  grep 'tests passed' "$LOGS/ctest-cuda.log"
}

part_release() {
  say "release: build"
  configure release release -DHOTROW_CUDA=AUTO
  sed -n '/Hotrow [0-9]/,/ccache/s/^-- //p' "$LOGS/configure-release.log"
  build release
  say "release: every test"
  ctest --test-dir build/release --output-on-failure --no-tests=error -j "$JOBS" -LE '^(cuda|gpu)$' </dev/null |
    tee "$LOGS/ctest-release.log" || fail "release: tests failed (log: $LOGS/ctest-release.log)"
}

part_plain() {
  say "plain: build without oneDNN and CUDA"
  configure plain release -DHOTROW_ONEDNN=OFF -DHOTROW_CUDA=OFF
  build plain dlrm_bench dlrm_bench_on_host
  say "plain: the benchmark program, on the stand-in for CUDA too"
  quietly ctest-plain ctest --test-dir build/plain --output-on-failure --no-tests=error -j "$JOBS" -L bench
  grep 'tests passed' "$LOGS/ctest-plain.log"
}

part_asan() {
  say "asan: build with the address and undefined-behaviour sanitizers"
  configure asan asan
  build asan "${sanitized_programs[@]}"
  say "asan: unit tests and whole programs"
  ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1 \
    UBSAN_OPTIONS=print_stacktrace=1 \
    quietly ctest-asan ctest --test-dir build/asan --output-on-failure --no-tests=error -j "$JOBS" -LE 'house|bench|memory'
  grep 'tests passed' "$LOGS/ctest-asan.log"
}

part_tsan() {
  say "tsan: build with the thread sanitizer"
  configure tsan tsan
  build tsan "${threaded_tests[@]}"
  say "tsan: tests of what runs on several threads"
  # Where the kernel spreads addresses far, the sanitizer's runtime needs them where they used to be.
  local fixed_addresses=()
  if setarch -R true 2>/dev/null; then
    fixed_addresses=(setarch -R)
  fi
  TSAN_OPTIONS=halt_on_error=1 \
    quietly ctest-tsan "${fixed_addresses[@]}" ctest --test-dir build/tsan --output-on-failure --no-tests=error \
    -j "$JOBS" -L "$(IFS='|' && echo "${threaded_tests[*]}")"
  grep 'tests passed' "$LOGS/ctest-tsan.log"
}

part_clang() {
  local clang
  clang=$(command -v clang++-14 || command -v clang++) || true
  if [ -z "$clang" ]; then
    say "clang: skipped, no clang++"
    return
  fi
  say "clang: build without a warning"
  configure clang debug -DCMAKE_CXX_COMPILER="$clang" -DHOTROW_CUDA=OFF
  build clang
}

checks=()
[ -z "${CI:-}" ] || checks=(--checks)
scripts/setup.sh "${checks[@]}"
use_cmake
use_cuda
has_numpy || say "no NumPy: what is compared with it is skipped"
for part in "${parts[@]}"; do
  declare -F "part_$part" >/dev/null || fail "no part '$part', expected format, cuda, release, plain, asan, tsan or clang"
  start=$SECONDS
  "part_$part"
  say "$part: done in $((SECONDS - start)) s"
done
say "$(python3 scripts/gpu_passed.py)"
if [[ " ${parts[*]} " == *" release "* ]]; then
  grep 'tests passed' "$LOGS/ctest-release.log"
fi
