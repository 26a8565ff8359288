#include <algorithm>

#include "kernels/core/async.cuh"
#include "kernels/core/check.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/parallel.h"
#include "kernels/core/warp.cuh"
#include "kernels/loss.h"
#include "kernels/loss_terms.h"

namespace hotrow {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMaxParts = 128;  // partial sums of a batch

int64_t num_parts(int64_t B) { return std::min(kMaxParts, ceil_div(B, kThreads)); }

// sums[i] = the losses of the samples that block i takes: each thread's in order of the batch, then
// those of the lanes of a warp, then those of the warps.
__global__ void __launch_bounds__(kThreads)
    loss_parts(double* sums, const float* p, const float* target, int64_t B, LossConfig config,
               LossClamp clamp) {
  double sum = 0;
  const int64_t stride = int64_t{gridDim.x} * kThreads;
  for (int64_t b = int64_t{blockIdx.x} * kThreads + threadIdx.x; b < B; b += stride) {
    sum += loss_value(clamp(p[b]), target[b], config);
  }
  double* of_warp = dynamic_shared<double>();
  sum = warp_sum(sum);
  if (lane() == 0) of_warp[warp_in_block()] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int warp = 1; warp < kThreads / kWarpSize; ++warp) sum += of_warp[warp];
  sums[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kWarpSize)
    loss_total(float* loss, const double* sums, int64_t parts, double scale) {
  double sum = 0;
  for (int64_t i = lane(); i < parts; i += kWarpSize) sum += sums[i];
  sum = warp_sum(sum);
  if (lane() == 0) *loss = static_cast<float>(sum * scale);
}

__global__ void __launch_bounds__(kThreads)
    loss_gradients(float* dp, const float* p, const float* target, int64_t B, LossConfig config,
                   LossClamp clamp, double scale) {
  const int64_t b = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (b < B) dp[b] = loss_gradient(p[b], target[b], config, clamp, scale);
}

}  // namespace

size_t loss_scratch_bytes(int64_t B) { return static_cast<size_t>(num_parts(B)) * sizeof(double); }

void loss_forward(float* loss, const float* p, const float* target, int64_t B,
                  const LossConfig& config, std::span<std::byte> scratch, CudaStream stream) {
  check_loss_arguments(B, config);
  const size_t needed = loss_scratch_bytes(B);
  require(scratch.size() >= needed, "[loss] scratch too small: got {} bytes, expected at least {}",
          scratch.size(), needed);
  const int64_t parts = num_parts(B);
  auto* sums = reinterpret_cast<double*>(scratch.data());
  launch("loss", loss_parts, {parts, kThreads, kThreads / kWarpSize * sizeof(double)}, stream, sums,
         p, target, B, config, LossClamp(config.threshold));
  launch("loss", loss_total, {1, kWarpSize}, stream, loss, sums, parts, mean_scale(B));
}

void loss_backward(float* dp, const float* p, const float* target, int64_t B,
                   const LossConfig& config, CudaStream stream) {
  check_loss_arguments(B, config);
  launch("loss backward", loss_gradients, {ceil_div(B, kThreads), kThreads}, stream, dp, p, target,
         B, config, LossClamp(config.threshold), mean_scale(B));
}

}  // namespace hotrow
