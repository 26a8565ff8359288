// Loss of a batch, and its gradient.
//
//   loss = 1/B sum_b l(p_b, T_b),   dp_b = 1/B dl/dp
//   kMse             l = (p - T)^2                             dl/dp = 2 (p - T)
//   kBce             l = -T max(ln p, -100) - (1 - T) max(ln(1 - p), -100)
//                                                              dl/dp = (p - T) / max(p (1 - p),
//                                                              1e-12)
//   kWeightedBce     BCE times weight1 where T >= 1, weight0 elsewhere
//   kBceWithLogits   l = max(p, 0) - p T + ln(1 + e^-|p|)      dl/dp = 1 / (1 + e^-p) - T
//
// Threshold t > 0: p is clamped to [t, 1 - t] first; dp = 0 where that changed p (not on the
// borders). Shapes: p, target, dp (B) fp32; loss one float. B = 0 gives a loss of 0. A NaN in p or
// target, and a p outside [0, 1] of the BCE kinds, makes the loss NaN. Arithmetic: in double,
// rounded to float once at the end.
// Aliasing: dp may be p. Nothing else overlaps.
// Determinism: tasks are cut by B alone and their sums, in double, are added in order, so bits do
// not depend on threads. CUDA: sums of another order, as fixed for a B; the logarithms and
// exponentials are the device's, so that a loss and the gradients of logits may differ from the
// CPU's in their last bit, while the other gradients have the CPU's bits.
// Cost: forward 8 B bytes and up to two logarithms an element, backward 12 B bytes and none.
// Errors: InvalidArgument for a negative B, a threshold outside [0, 1), a threshold on logits, a
// scratch too small.
// Source: the definitions, with the limits (-100, 1e-12) of torch.nn.BCELoss; the clamp is that of
// facebookresearch/dlrm's --loss-threshold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/core/stream.h"

namespace hotrow {

enum class LossKind { kMse, kBce, kWeightedBce, kBceWithLogits };

struct LossConfig {
  LossKind kind = LossKind::kMse;
  double threshold = 0;  // 0: no clamp
  float weight0 = 1.0f;  // kWeightedBce only
  float weight1 = 1.0f;
};

void loss_forward(float* loss, const float* p, const float* target, int64_t B,
                  const LossConfig& config, CpuStream stream);
void loss_backward(float* dp, const float* p, const float* target, int64_t B,
                   const LossConfig& config, CpuStream stream);

// Of loss_forward on a GPU, 8-byte aligned.
size_t loss_scratch_bytes(int64_t B);
void loss_forward(float* loss, const float* p, const float* target, int64_t B,
                  const LossConfig& config, std::span<std::byte> scratch, CudaStream stream);
void loss_backward(float* dp, const float* p, const float* target, int64_t B,
                   const LossConfig& config, CudaStream stream);

}  // namespace hotrow
