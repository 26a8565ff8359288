#include "engine/ops/loss.h"

#include <algorithm>
#include <type_traits>

#include "engine/step.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

struct LossAttributes {
  LossConfig config;
  int64_t mini_batches;
};

std::vector<Tensor> infer(std::span<const Tensor> in, const Attributes& attributes) {
  require(in[0].cols == 1 && in[1].cols == 1 && in[0].axis == in[1].axis,
          "[loss] shapes do not fit: got p ({}, {}) and target ({}, {}), expected (B, 1) twice",
          in[0].rows, in[0].cols, in[1].rows, in[1].cols);
  const int64_t parts = attributes.as<LossAttributes>().mini_batches;
  require(parts >= 1 && in[0].rows % parts == 0,
          "[loss] {} samples cannot be cut into equal mini-batches: got {} of them, expected a "
          "divisor",
          in[0].rows, parts);
  return {{DType::kFloat32, {Axis::kFixed}, parts, 1}};
}

// Calls body(m, first sample, live samples) for each mini-batch.
template <class Body>
void for_each_mini_batch(const Context& c, const Body& body) {
  const int64_t parts = c.attributes<LossAttributes>().mini_batches;
  const int64_t size = c.tensor(0).rows / parts, live = c.in(0).rows();
  for (int64_t m = 0; m < parts; ++m) {
    const int64_t first = std::min(m * size, live);
    body(m, first, std::min(size, live - first));
  }
}

ScratchBytes scratch(std::span<const Tensor> in, const Attributes& attributes, Device device) {
  if (device == Device::kCpu) return {};
  const int64_t parts = attributes.as<LossAttributes>().mini_batches;
  return {.forward = loss_scratch_bytes(in[0].rows / parts)};
}

void forward(const Context& c) {
  const LossConfig config = c.attributes<LossAttributes>().config;
  dispatch(c.stream(), [&](auto stream) {
    for_each_mini_batch(c, [&](int64_t m, int64_t first, int64_t rows) {
      float* loss = c.out().row(m);
      const float *p = c.in(0).row(first), *target = c.in(1).row(first);
      if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
        loss_forward(loss, p, target, rows, config, c.scratch(), stream);
      } else {
        loss_forward(loss, p, target, rows, config, stream);
      }
    });
  });
}

void backward(const Context& c) {
  require(c.in_grad(1).data == nullptr,
          "[loss] got a target that depends on parameters, expected a fixed one");
  const LossConfig config = c.attributes<LossAttributes>().config;
  dispatch(c.stream(), [&](auto stream) {
    for_each_mini_batch(c, [&](int64_t, int64_t first, int64_t rows) {
      loss_backward(c.in_grad(0).row(first), c.in(0).row(first), c.in(1).row(first), rows, config,
                    stream);
    });
  });
}

constexpr Op kLoss{.name = "loss",
                   .infer = infer,
                   .forward = forward,
                   .backward = backward,
                   .saves = {.inputs = true},
                   .scratch = scratch,
                   .is_loss = true};

}  // namespace

Var loss(Tape& tape, Var p, Var target, const LossConfig& config, int64_t mini_batches) {
  return tape.apply(kLoss, Attributes::of(LossAttributes{config, mini_batches}), {p, target})[0];
}

}  // namespace hotrow
