#include "engine/ops/linear.h"

#include "engine/step.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::vector<Tensor> infer(std::span<const Tensor> in, const Attributes&) {
  const Tensor &x = in[0], &w = in[1];
  require(x.cols == w.cols,
          "[linear] widths do not fit: got x of {} columns, expected {} as in w ({}, {})", x.cols,
          w.cols, w.rows, w.cols);
  require(in.size() == 2 || in[2].rows * in[2].cols == w.rows,
          "[linear] bias does not fit: got {} numbers, expected {}",
          in.size() == 2 ? 0 : in[2].rows * in[2].cols, w.rows);
  return {{DType::kFloat32, x.axis, x.rows, w.rows}};
}

Vector as_vector(Matrix m) { return {m.data, {m.size()}}; }

void forward(const Context& c) {
  const ConstMatrix bias = c.inputs() > 2 ? c.in(2) : ConstMatrix{};
  dispatch(c.device(), [&](auto stream) {
    linear_forward(c.out(), c.in(0), c.in(1), {bias.data, {bias.size()}},
                   c.attributes<Activation>(), stream);
  });
}

void backward(const Context& c) {
  require(c.in_grad(1).data != nullptr,
          "[linear] the weight is fixed: got one without a gradient, expected a parameter");
  require(c.inputs() == 2 || !c.accumulate(2),
          "[linear] a bias that two layers share is not supported: got a second gradient for it");
  require(!c.accumulate(1),
          "[linear] a weight that two layers share is not supported: got a second gradient for it");
  const LinearBackward args{.dx = c.in_grad(0),
                            .accumulate_dx = c.accumulate(0),
                            .dw = c.in_grad(1),
                            .db = c.inputs() > 2 ? as_vector(c.in_grad(2)) : Vector{},
                            .dy = c.out_grad(),
                            .y = c.saved_out(),
                            .x = c.in(0),
                            .w = c.in(1),
                            .activation = c.attributes<Activation>(),
                            .dz_panels = reinterpret_cast<float*>(c.scratch().data())};
  dispatch(c.device(), [&](auto stream) { linear_backward(args, stream); });
}

size_t scratch(std::span<const Tensor> in, const Attributes&) {
  return static_cast<size_t>(linear_backward_scratch_floats(in[0].rows, in[1].rows)) *
         sizeof(float);
}

constexpr Op kLinear{.name = "linear",
                     .infer = infer,
                     .forward = forward,
                     .backward = backward,
                     .saves = {.inputs = true, .outputs = true},
                     .scratch = scratch};

}  // namespace

Var linear(Tape& tape, Var x, Var w, Var bias, Activation activation) {
  return tape.apply(kLinear, Attributes::of(activation), {x, w, bias})[0];
}

Var linear(Tape& tape, Var x, Var w) {
  return tape.apply(kLinear, Attributes::of(Activation::kNone), {x, w})[0];
}

}  // namespace hotrow
