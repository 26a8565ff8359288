#!/usr/bin/env bash
# Installs what the build needs on Debian 12 or Ubuntu 22.04 and newer, without a question.
#
#   scripts/setup.sh            compilers and libraries
#   scripts/setup.sh --checks   also what scripts/test.sh checks with on CI: clang 14, NumPy, nvcc
#
# Does nothing where everything is there already. Uses sudo unless run as root.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

needed=(g++ make ninja-build pkg-config python3 libhwy-dev libfmt-dev nlohmann-json3-dev libcli11-dev
        libzip-dev zlib1g-dev libyaml-cpp-dev libxxhash-dev libgtest-dev libgmock-dev libbenchmark-dev)
# A build without these works: with floors of its own rate alone, and slower to repeat.
wanted=(libdnnl-dev ccache)
checks=no
if [ "${1:-}" = --checks ]; then
  wanted+=(clang-14 libomp-14-dev clang-format-14 python3-numpy)
  checks=yes
elif [ $# -gt 0 ]; then
  fail "got '$1', expected nothing or --checks"
fi
is_new_enough_cmake cmake || needed+=(cmake)
nvcc_wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-runtime==13.0.96
             nvidia-cuda-cccl==13.0.85 nvidia-nvtx==13.0.85 nvidia-cublas==13.1.0.3)

# The packages among the arguments that are not installed.
missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# Those of the missing packages that this system's package lists know.
offered() {
  local package
  for package in $(missing "$@"); do
    if [ -n "$(apt-cache show --no-all-versions "$package" 2>/dev/null)" ]; then
      echo "$package"
    else
      say "no package $package here: going on without it" >&2
    fi
  done
}

apt_get() {
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      fail "not root and no sudo; as root: apt-get install $(missing "${needed[@]}" | xargs)"
    as_root=(sudo)
  fi
  quietly "apt-$1" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -y -q -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    say "no apt-get: install the equivalents of ${needed[*]} ${wanted[*]}"
    return
  fi
  if [ -z "$(missing "${needed[@]}")" ] && [ -z "$(offered "${wanted[@]}")" ]; then
    return
  fi
  say "updating the package lists"
  apt_get update
  local packages
  mapfile -t packages < <(missing "${needed[@]}" && offered "${wanted[@]}")
  [ ${#packages[@]} -gt 0 ] || return 0
  say "installing ${packages[*]}"
  apt_get install --no-install-recommends "${packages[@]}"
}

# Ubuntu 22.04 has cmake 3.22: its wheel, in an environment of its own.
install_cmake() {
  if is_new_enough_cmake cmake || is_new_enough_cmake "$CACHE/cmake/bin/cmake"; then
    return
  fi
  say "installing cmake >= $CMAKE_MINIMUM into $CACHE/cmake"
  if ! python3 -c 'import ensurepip' 2>/dev/null; then
    apt_get install --no-install-recommends python3-venv
  fi
  quietly venv python3 -m venv "$CACHE/cmake"
  quietly pip "$CACHE/cmake/bin/pip" install --quiet "cmake>=$CMAKE_MINIMUM"
}

# A python3 that is not the system's does not see the system's NumPy.
install_numpy() {
  if [ "$checks" = no ] || has_numpy; then
    return
  fi
  say "installing NumPy into $NUMPY"
  quietly numpy python3 -m pip install --quiet --target "$NUMPY" numpy
}

# nvcc with what a program with kernels links, in the version that tests/golden/cuda_registers.json
# is of. Debian has no package of it.
install_cuda() {
  if [ "$checks" = no ] || has_nvcc || [ -x "$CUDA/bin/nvcc" ]; then
    return
  fi
  say "installing nvcc into $CUDA"
  python3 -m pip --version >/dev/null 2>&1 || apt_get install --no-install-recommends python3-pip
  rm -rf "$CUDA" "$CUDA.part"
  mkdir -p "$LOGS"
  if ! python3 -m pip install --no-deps --target "$CUDA.part" "${nvcc_wheels[@]}" >"$LOGS/cuda.log" 2>&1; then
    say "no nvcc to be had here, see $LOGS/cuda.log: going on without it"
    return
  fi
  # The places and names of an installed toolkit, which a wheel has no links for.
  ln -s lib "$CUDA.part/nvidia/cu13/lib64"
  ln -s libcublasLt.so.13 "$CUDA.part/nvidia/cu13/lib/libcublasLt.so"
  ln -s libcudart.so.13 "$CUDA.part/nvidia/cu13/lib/libcudart.so"
  mv "$CUDA.part/nvidia/cu13" "$CUDA"
  rm -rf "$CUDA.part"
}

install_packages
install_cmake
install_numpy
install_cuda
