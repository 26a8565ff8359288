#include "engine/ops/elementwise.h"

#include "engine/step.h"
#include "kernels/core/check.h"
#include "kernels/elementwise.h"

namespace hotrow {
namespace {

std::vector<Tensor> infer(const char* op, std::span<const Tensor> in) {
  const Tensor &a = in[0], &b = in[1];
  require(a.axis == b.axis && a.rows == b.rows && a.cols == b.cols,
          "[{}] shapes differ: got ({}, {}) and ({}, {}), expected one shape", op, a.rows, a.cols,
          b.rows, b.cols);
  return {a};
}

void forward_multiply(const Context& c) {
  dispatch(c.stream(), [&](auto stream) {
    multiply(c.out().data, c.in(0).data, c.in(1).data, c.out().size(), stream);
  });
}

void backward_multiply(const Context& c) {
  const MultiplyBackward out{c.in_grad(0).data, c.accumulate(0), c.in_grad(1).data,
                             c.accumulate(1)};
  dispatch(c.stream(), [&](auto stream) {
    multiply_backward(out, c.out_grad().data, c.in(0).data, c.in(1).data, c.out_grad().size(),
                      stream);
  });
}

void forward_add(const Context& c) {
  dispatch(c.stream(), [&](auto stream) {
    add(c.out().data, c.in(0).data, c.in(1).data, c.out().size(), stream);
  });
}

void backward_add(const Context& c) {
  dispatch(c.stream(), [&](auto stream) {
    for (size_t i = 0; i < 2; ++i) {
      const Matrix grad = c.in_grad(i);
      if (grad.data != nullptr)
        copy(grad.data, c.out_grad().data, grad.size(), c.accumulate(i), stream);
    }
  });
}

constexpr Op kMultiply{
    .name = "multiply",
    .infer = [](std::span<const Tensor> in, const Attributes&) { return infer("multiply", in); },
    .forward = forward_multiply,
    .backward = backward_multiply,
    .saves = {.inputs = true}};
constexpr Op kAdd{
    .name = "add",
    .infer = [](std::span<const Tensor> in, const Attributes&) { return infer("add", in); },
    .forward = forward_add,
    .backward = backward_add,
    .saves = {}};

}  // namespace

Var multiply(Tape& tape, Var a, Var b) { return tape.apply(kMultiply, {}, {a, b})[0]; }

Var add(Tape& tape, Var a, Var b) { return tape.apply(kAdd, {}, {a, b})[0]; }

}  // namespace hotrow
