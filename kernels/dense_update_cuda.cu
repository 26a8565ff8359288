#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "kernels/core/columns.cuh"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/dense_update.h"

namespace hotrow {
namespace {

constexpr int kThreads = 256;

struct Block {
  float* w;
  float* s;  // sums of squares, or Adam's first moment
  float* v;  // Adam's second
  const float* g;
};

__device__ inline void update_element(UpdateKind kind, const UpdateConstants& c, float& w, float& s,
                                      float& v, float g) {
  if (kind == UpdateKind::kSgd) {
    w = fmaf(-c.rate, g, w);
  } else if (kind == UpdateKind::kAdam) {
    s = fmaf(c.blend1, g - s, s);
    v = fmaf(c.blend2, g * g, c.keep2 * v);
    w = w - c.dense_rate * s / (sqrtf(v) / c.dense_root2 + c.eps);
  } else {
    s = fmaf(g, g, s);
    w = w - c.rate * g / (sqrtf(s) + c.eps);
  }
}

// kVec elements, of all arrays on their way before the first is used: up to 64 bytes a thread.
template <UpdateKind kKind, int kVec>
__device__ inline void update_elements(const Block& block, const UpdateConstants& c, int64_t i) {
  constexpr bool kHasState = kKind != UpdateKind::kSgd, kHasTwo = kKind == UpdateKind::kAdam;
  auto w = load_columns<kVec>(block.w + i);
  const auto g = load_columns<kVec>(block.g + i);
  Columns<kVec> s{}, v{};
  if (kHasState) s = load_columns<kVec>(block.s + i);
  if (kHasTwo) v = load_columns<kVec>(block.v + i);
  for (int k = 0; k < kVec; ++k) update_element(kKind, c, w.x[k], s.x[k], v.x[k], g.x[k]);
  store_columns(block.w + i, w);
  if (kHasState) store_columns(block.s + i, s);
  if (kHasTwo) store_columns(block.v + i, v);
}

template <UpdateKind kKind, int kVec>
__global__ void __launch_bounds__(kThreads)
    update_block(Block block, int64_t n, const UpdateConstants* constants) {
  const UpdateConstants c = *constants;
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kVec;
  if (i + kVec <= n) {
    update_elements<kKind, kVec>(block, c, i);
  } else {
    for (int64_t k = i; k < n; ++k) update_elements<kKind, 1>(block, c, k);
  }
}

template <UpdateKind kKind>
void launch_update(const Block& block, int64_t n, const UpdateConstants* constants,
                   CudaStream stream) {
  const bool aligned = is_aligned16(block.w) && is_aligned16(block.g) && is_aligned16(block.s) &&
                       is_aligned16(block.v);
  const LaunchShape shape{ceil_div(n, aligned ? 4 * kThreads : kThreads), kThreads};
  const auto kernel = aligned ? update_block<kKind, 4> : update_block<kKind, 1>;
  launch("dense update", kernel, shape, stream, block, n, constants);
}

}  // namespace

void dense_update(float* w, float* state, const float* g, int64_t n, UpdateKind kind,
                  const UpdateConstants* constants, CudaStream stream) {
  check_dense_update(kind, state, n);
  switch (kind) {
    case UpdateKind::kSgd:
      return launch_update<UpdateKind::kSgd>({w, nullptr, nullptr, g}, n, constants, stream);
    case UpdateKind::kAdagrad:
    case UpdateKind::kRowwiseAdagrad:
      return launch_update<UpdateKind::kAdagrad>({w, state, nullptr, g}, n, constants, stream);
    case UpdateKind::kAdam:
      return launch_update<UpdateKind::kAdam>({w, state, state + n, g}, n, constants, stream);
  }
}

}  // namespace hotrow
