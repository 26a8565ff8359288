// A layer of the host, run by the CUDA version of kernels/linear.h, and what must come out.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/core/alignment.h"
#include "kernels/linear.h"
#include "tests/reference/linear_ref.h"
#include "tests/support/bounds.h"
#include "tests/support/device_memory.h"

namespace hotrow::test {

// An array of an output on the device, with a margin behind it that must stay.
class DeviceOutput {
 public:
  static constexpr float kUntouched = 12345;

  explicit DeviceOutput(std::vector<float> values) : size_(values.size()) {
    values.resize(size_ + kMargin, kUntouched);
    memory_ = DeviceVector<float>(values);
  }
  explicit DeviceOutput(int64_t size)
      : DeviceOutput(std::vector<float>(static_cast<size_t>(size),
                                        std::numeric_limits<float>::quiet_NaN())) {}
  float* data() { return memory_.data(); }
  std::vector<float> get() const {
    std::vector<float> values = memory_.get();
    for (size_t i = size_; i < values.size(); ++i) EXPECT_EQ(values[i], kUntouched);
    values.resize(size_);
    return values;
  }

 private:
  static constexpr size_t kMargin = 4;
  size_t size_;
  DeviceVector<float> memory_;
};

// A layer of the host, and what its two passes make on the device.
struct DeviceLayer {
  int64_t B, K, N;
  Activation activation;
  bool has_bias = true, strict_fp32 = true;
  size_t spare = 0;  // bytes of workspace beyond what a layer needs
  Precision precision = Precision::kFloat32;
  bool wants_dx = true, accumulate_dx = false, dx_is_dz = false;
  bool whole_rows = false;  // of x and dx
  std::vector<float> x, w, bias, dy, dx_before;
  std::vector<float> y, dz, dx, dw, db;  // results

  DeviceLayer(int64_t B_, int64_t K_, int64_t N_, Activation activation_)
      : B(B_), K(K_), N(N_), activation(activation_) {
    x = test_floats(B * K, 1);
    w = test_floats(N * K, 2);
    bias = test_floats(N, 3);
    dy = test_floats(B * N, 4);
    dx_before = test_floats(B * K, 5);
  }
  struct Context {
    DeviceVector<std::byte> workspace;
    GemmContext gemms;

    explicit Context(const DeviceLayer& layer)
        : workspace(
              linear_workspace_bytes(layer.B, layer.columns(), layer.K, layer.N, layer.precision) +
              layer.spare),
          gemms({.workspace = {workspace.data(), workspace.size()},
                 .strict_fp32 = layer.strict_fp32}) {}
  };
  int64_t columns() const { return whole_rows ? whole_row(K) : K; }
  // The rows of x or dx as they lie on the device, and back.
  std::vector<float> to_rows(const std::vector<float>& values, float behind) const {
    std::vector<float> rows(static_cast<size_t>(B * columns()), behind);
    for (int64_t b = 0; b < B; ++b)
      std::copy_n(values.begin() + b * K, K, rows.begin() + b * columns());
    return rows;
  }
  std::vector<float> from_rows(const std::vector<float>& rows) const {
    std::vector<float> values(static_cast<size_t>(B * K));
    for (int64_t b = 0; b < B; ++b)
      std::copy_n(rows.begin() + b * columns(), K, values.begin() + b * K);
    return values;
  }
  const float* bias_or_null() const { return has_bias ? bias.data() : nullptr; }
  ConstMatrix mx() const { return {x.data(), {B, K}}; }
  ConstMatrix mw() const { return {w.data(), {N, K}}; }
  ConstMatrix my() const { return {y.data(), {B, N}}; }
  ConstMatrix mdy() const { return {dy.data(), {B, N}}; }

  void forward() {
    Context context(*this);
    const DeviceVector<float> on_x(to_rows(x, 0)), on_w(w), on_bias(bias);
    DeviceOutput out(B * N);
    linear_forward({out.data(), {B, N}}, {on_x.data(), {B, columns()}}, {on_w.data(), {N, K}},
                   {has_bias ? on_bias.data() : nullptr, {N}}, activation, precision, context.gemms,
                   CudaStream{});
    y = out.get();
  }
  void backward() {
    Context context(*this);
    const DeviceVector<float> on_x(to_rows(x, 0)), on_w(w), on_y(y), on_dy(dy);
    DeviceOutput to_dz(B * N), to_dx(to_rows(dx_before, 77)), to_dw(N * K), to_db(N);
    activation_backward(to_dz.data(), {on_dy.data(), {B, N}}, {on_y.data(), {B, N}}, activation,
                        CudaStream{});
    linear_backward({.dx = {wants_dx ? to_dx.data() : nullptr, {B, columns()}},
                     .accumulate_dx = accumulate_dx,
                     .dx_is_dz = dx_is_dz,
                     .dw = {to_dw.data(), {N, K}},
                     .db = {has_bias ? to_db.data() : nullptr, {N}},
                     .dz = to_dz.data(),
                     .x = {on_x.data(), {B, columns()}},
                     .w = {on_w.data(), {N, K}},
                     .precision = precision},
                    context.gemms, CudaStream{});
    dz = to_dz.get(), dx = from_rows(to_dx.get()), dw = to_dw.get(), db = to_db.get();
  }
  reference::LinearGradients want_backward() const {
    return reference::linear_backward(mdy(), my(), mx(), mw(), activation,
                                      accumulate_dx ? dx_before.data() : nullptr);
  }
  std::string name() const {
    return fmt::format("B={} K={} N={} activation={} bias={}", B, K, N,
                       static_cast<int>(activation), has_bias);
  }
};

// Inputs that are whole vectors and that are not, several outputs and one.
template <class Test>
void for_paths(const Test& test) {
  for (int64_t K : {13, 16}) {
    for (int64_t N : {1, 67}) test(DeviceLayer(33, K, N, Activation::kRelu));
  }
}

}  // namespace hotrow::test
