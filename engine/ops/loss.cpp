#include "engine/ops/loss.h"

#include "engine/step.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::vector<Tensor> infer(std::span<const Tensor> in, const Attributes&) {
  require(in[0].cols == 1 && in[1].cols == 1 && in[0].axis == in[1].axis,
          "[loss] shapes do not fit: got p ({}, {}) and target ({}, {}), expected (B, 1) twice",
          in[0].rows, in[0].cols, in[1].rows, in[1].cols);
  return {{DType::kFloat32, {Axis::kFixed}, 1, 1}};
}

void forward(const Context& c) {
  dispatch(c.device(), [&](auto stream) {
    loss_forward(c.out().data, c.in(0).data, c.in(1).data, c.in(0).rows(),
                 c.attributes<LossConfig>(), stream);
  });
}

void backward(const Context& c) {
  require(c.in_grad(1).data == nullptr,
          "[loss] got a target that depends on parameters, expected a fixed one");
  dispatch(c.device(), [&](auto stream) {
    loss_backward(c.in_grad(0).data, c.in(0).data, c.in(1).data, c.in(0).rows(),
                  c.attributes<LossConfig>(), stream);
  });
}

constexpr Op kLoss{.name = "loss",
                   .infer = infer,
                   .forward = forward,
                   .backward = backward,
                   .saves = {.inputs = true},
                   .is_loss = true};

}  // namespace

Var loss(Tape& tape, Var p, Var target, const LossConfig& config) {
  return tape.apply(kLoss, Attributes::of(config), {p, target})[0];
}

}  // namespace hotrow
