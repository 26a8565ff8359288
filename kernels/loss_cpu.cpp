#include <algorithm>
#include <array>

#include "kernels/core/parallel.h"
#include "kernels/loss.h"
#include "kernels/loss_terms.h"

namespace hotrow {
namespace {

constexpr int64_t kTaskRows = 1024;
constexpr int64_t kMaxTasks = 64;

int64_t num_tasks(int64_t B) { return std::min(kMaxTasks, ceil_div(B, kTaskRows)); }

}  // namespace

void loss_forward(float* loss, const float* p, const float* target, int64_t B,
                  const LossConfig& config, CpuStream) {
  check_loss_arguments(B, config);
  const LossClamp clamp(config.threshold);
  const int64_t tasks = num_tasks(B);
  std::array<double, kMaxTasks> sums{};
  parallel_for(tasks, [&](int64_t task) {
    const Range rows = part(B, tasks, task);
    double sum = 0;
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      sum += loss_value(clamp(p[b]), target[b], config);
    }
    sums[static_cast<size_t>(task)] = sum;
  });
  double total = 0;
  for (int64_t task = 0; task < tasks; ++task) total += sums[static_cast<size_t>(task)];
  *loss = static_cast<float>(total * mean_scale(B));
}

void loss_backward(float* dp, const float* p, const float* target, int64_t B,
                   const LossConfig& config, CpuStream) {
  check_loss_arguments(B, config);
  const LossClamp clamp(config.threshold);
  const double scale = mean_scale(B);
  const int64_t tasks = num_tasks(B);
  parallel_for(tasks, [&](int64_t task) {
    const Range rows = part(B, tasks, task);
    for (int64_t b = rows.begin; b < rows.end; ++b) {
      dp[b] = loss_gradient(p[b], target[b], config, clamp, scale);
    }
  });
}

}  // namespace hotrow
