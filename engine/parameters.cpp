#include "engine/parameters.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/dense_update.h"

namespace hotrow {

int Parameters::add(const std::string& name, int64_t rows, int64_t cols) {
  require(rows >= 1 && cols >= 1,
          "[parameters] '{}' is empty: got ({}, {}), expected at least (1, 1)", name, rows, cols);
  const auto known =
      std::find_if(list_.begin(), list_.end(), [&](const Parameter& p) { return p.name == name; });
  if (known != list_.end()) {
    require(known->rows == rows && known->cols == cols,
            "[parameters] '{}' was added with another shape: got ({}, {}), expected ({}, {})", name,
            rows, cols, known->rows, known->cols);
    return static_cast<int>(known - list_.begin());
  }
  require(!allocated_, "[parameters] '{}' comes too late: got it after allocate(), expected before",
          name);
  const size_t bytes = align_up(array_bytes(name, rows, cols, sizeof(float)));
  list_.push_back({name, rows, cols, floats_});
  floats_ += static_cast<int64_t>(bytes / sizeof(float));
  return static_cast<int>(list_.size()) - 1;
}

void Parameters::allocate(bool for_training, UpdateKind kind, Device device) {
  require(!allocated_, "[parameters] allocate: got a second call, expected one");
  const size_t bytes = static_cast<size_t>(floats_) * sizeof(float);
  values_ = Arena(bytes, device, "the parameters of the MLPs");
  if (for_training) {
    gradients_ = Arena(bytes, device, "the gradients of the MLPs");
    state_ = Arena(static_cast<size_t>(dense_update_state_size(kind, floats_)) * sizeof(float),
                   device, "the optimizer's state of the MLPs");
  }
  stream_ = DeviceStream(device);
  allocated_ = true;
}

Matrix Parameters::matrix(const Arena& block, int i) const {
  const Parameter& p = list_[static_cast<size_t>(i)];
  float* data = block.data() == nullptr ? nullptr : block.as<float>() + p.offset;
  return {data, {p.rows, p.cols}};
}

void Parameters::check_update(UpdateKind kind, Device rule_device) const {
  require(device() == rule_device,
          "[parameters] update: got a rule for another device than that of allocate()");
  const size_t state_bytes =
      static_cast<size_t>(dense_update_state_size(kind, floats_)) * sizeof(float);
  require(gradients_.size() == values_.size() && state_.size() == state_bytes,
          "[parameters] update: got another optimizer than that of allocate(): {} bytes of state, "
          "expected {}",
          state_.size(), state_bytes);
}

void Parameters::update(const UpdateRule& rule) {
  check_update(rule.kind, Device::kCpu);
  dense_update(values_.as<float>(), state_.as<float>(), gradients_.as<const float>(), floats_, rule,
               CpuStream{});
}

void Parameters::update(UpdateKind kind, const UpdateConstants* constants, CudaStream stream) {
  check_update(kind, Device::kCuda);
  dense_update(values_.as<float>(), state_.as<float>(), gradients_.as<const float>(), floats_, kind,
               constants, stream);
}

int64_t Parameters::count() const {
  int64_t n = 0;
  for (const Parameter& p : list_) n += p.rows * p.cols;
  return n;
}

std::vector<MemoryUse> Parameters::memory() const {
  return {{"MLP parameters", values_.size(), device()},
          {"MLP gradients", gradients_.size(), device()},
          {"MLP optimizer state", state_.size(), device()}};
}

}  // namespace hotrow
