#include "engine/ops/linear.h"

#include <type_traits>

#include "engine/step.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

struct LinearAttributes {
  Activation activation = Activation::kNone;
  bool reads_relu = false;  // x is the output of the chain's layer before, which nobody else reads
  bool feeds_linear =
      false;  // y is read by the chain's next layer alone: its gradient arrives as dz
  Precision precision = Precision::kFloat32;
};

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

// Calls body with the last arguments of a layer's kernels.
template <class Body>
void dispatch_layer(const Context& c, const Body& body) {
  dispatch(c.stream(), [&](auto stream) {
    if constexpr (std::is_same_v<decltype(stream), CudaStream>) {
      body(c.gemms(), stream);
    } else {
      body(stream);
    }
  });
}

Vector as_vector(Matrix m) { return {m.data, {m.size()}}; }

void forward(const Context& c) {
  const ConstMatrix bias = c.inputs() > 2 ? c.in(2) : ConstMatrix{};
  const auto attributes = c.attributes<LinearAttributes>();
  dispatch_layer(c, [&](auto&... last) {
    linear_forward(c.out(), c.in(0), c.in(1), {bias.data, {bias.size()}}, attributes.activation,
                   attributes.precision, last...);
  });
}

void backward(const Context& c) {
  require(c.in_grad(1).data != nullptr,
          "[linear] the weight is fixed: got one without a gradient, expected a parameter");
  require(c.inputs() == 2 || !c.accumulate(2),
          "[linear] a bias that two layers share is not supported: got a second gradient for it");
  require(!c.accumulate(1),
          "[linear] a weight that two layers share is not supported: got a second gradient for it");
  const auto attributes = c.attributes<LinearAttributes>();
  const Matrix dy = c.out_grad();
  float* dz = dy.data;
  if (!attributes.feeds_linear) {
    dz = reinterpret_cast<float*>(c.scratch().data());
    dispatch(c.stream(), [&](auto stream) {
      activation_backward(dz, dy, c.saved_out(), attributes.activation, stream);
    });
  }
  dispatch_layer(c, [&](auto&... last) {
    linear_backward({.dx = c.in_grad(0),
                     .accumulate_dx = c.accumulate(0),
                     .dx_is_dz = attributes.reads_relu,
                     .dw = c.in_grad(1),
                     .db = c.inputs() > 2 ? as_vector(c.in_grad(2)) : Vector{},
                     .dz = dz,
                     .x = c.in(0),
                     .w = c.in(1),
                     .precision = attributes.precision},
                    last...);
  });
}

ScratchBytes scratch(std::span<const Tensor> in, const Attributes& attributes, Device device) {
  const auto a = attributes.as<LinearAttributes>();
  const int64_t batch = in[0].rows, inputs = in[1].cols, outputs = in[1].rows;
  ScratchBytes bytes;
  if (!a.feeds_linear)
    bytes.backward = static_cast<size_t>(linear_dz_floats(batch, outputs)) * sizeof(float);
  if (device == Device::kCuda)
    bytes.workspace = linear_workspace_bytes(batch, in[0].cols, inputs, outputs, a.precision);
  return bytes;
}

constexpr Op kLinear{.name = "linear",
                     .infer = infer,
                     .forward = forward,
                     .backward = backward,
                     .saves = {.inputs = true, .outputs = true},
                     .scratch = scratch,
                     .takes_padding = true};

}  // namespace

Var linear(Tape& tape, Var x, Var w, Var bias, Activation activation, Precision precision) {
  return linear_chain(tape, x, {{w, bias}}, activation, precision);
}

Var linear(Tape& tape, Var x, Var w, Precision precision) {
  const LinearAttributes attributes{.precision = precision};
  return tape.apply(kLinear, Attributes::of(attributes), {x, w})[0];
}

Var linear_chain(Tape& tape, Var x, const std::vector<LinearLayer>& layers, Activation last,
                 Precision precision) {
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool is_last = i + 1 == layers.size();
    const LinearAttributes attributes{.activation = is_last ? last : Activation::kRelu,
                                      .reads_relu = i > 0,
                                      .feeds_linear = !is_last,
                                      .precision = precision};
    x = tape.apply(kLinear, Attributes::of(attributes), {x, layers[i].w, layers[i].bias})[0];
  }
  return x;
}

}  // namespace hotrow
