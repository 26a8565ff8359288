#include "engine/ops/interaction.h"

#include <utility>

#include "engine/step.h"
#include "kernels/concat.h"
#include "kernels/core/check.h"
#include "kernels/interaction.h"

namespace hotrow {
namespace {

struct DotAttributes {
  int64_t dim;
  bool self_interaction;
};

int64_t count_features(std::span<const Tensor> in, int64_t dim) {
  int64_t features = 0;
  for (const Tensor& part : in) {
    require(part.cols % dim == 0 && part.axis == in[0].axis && part.rows == in[0].rows,
            "[dot_interaction] a part does not fit: got ({}, {}), expected ({}, a multiple of {})",
            part.rows, part.cols, in[0].rows, dim);
    features += part.cols / dim;
  }
  return features;
}

std::vector<Tensor> infer_dot(std::span<const Tensor> in, const Attributes& attributes) {
  const auto a = attributes.as<DotAttributes>();
  require(!in.empty() && a.dim >= 1,
          "[dot_interaction] got {} parts of dimension {}, expected at least 1 of 1", in.size(),
          a.dim);
  const int64_t pairs = interaction_pairs(count_features(in, a.dim), a.self_interaction);
  return {{DType::kFloat32, in[0].axis, in[0].rows, a.dim + pairs}};
}

// The gradient of part i of a record that runs backward.
Matrix part_gradient(const char* op, const Context& c, size_t i) {
  const Matrix grad = c.in_grad(i);
  require(grad.data != nullptr, "[{}] part {} wants no gradient: expected a trainable part", op, i);
  return grad;
}

void add_lists_dot(const Context& c, Lists& lists) {
  const auto a = c.attributes<DotAttributes>();
  std::vector<Feature> features;
  std::vector<FeatureGrad> grads;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const ConstMatrix part = c.in(i);
    for (int64_t column = 0; column < part.cols(); column += a.dim)
      features.push_back({part.data + column, part.cols()});
    if (!c.runs_backward()) continue;
    const Matrix grad = part_gradient("dot_interaction", c, i);
    for (int64_t column = 0; column < part.cols(); column += a.dim)
      grads.push_back({grad.data + column, grad.cols(), c.accumulate(i)});
  }
  lists.add(features);
  lists.add(grads);
}

void forward_dot(const Context& c) {
  const auto a = c.attributes<DotAttributes>();
  dispatch(c.stream(), [&](auto stream) {
    interaction_forward(c.out(), c.list<Feature>(0), a.dim, a.self_interaction, stream);
  });
}

void backward_dot(const Context& c) {
  const auto a = c.attributes<DotAttributes>();
  dispatch(c.stream(), [&](auto stream) {
    interaction_backward(c.list<FeatureGrad>(1), c.out_grad(), c.list<Feature>(0), a.dim,
                         a.self_interaction, stream);
  });
}

constexpr Op kDotInteraction{.name = "dot_interaction",
                             .infer = infer_dot,
                             .forward = forward_dot,
                             .backward = backward_dot,
                             .saves = {.inputs = true},
                             .add_lists = add_lists_dot,
                             .pads_output = true};

std::vector<Tensor> infer_concat(std::span<const Tensor> in, const Attributes&) {
  require(!in.empty(), "[concat] got no part, expected at least one");
  int64_t cols = 0;
  for (const Tensor& part : in) {
    require(part.axis == in[0].axis && part.rows == in[0].rows,
            "[concat] a part does not fit: got {} rows, expected {}", part.rows, in[0].rows);
    cols += part.cols;
  }
  return {{DType::kFloat32, in[0].axis, in[0].rows, cols}};
}

void add_lists_concat(const Context& c, Lists& lists) {
  std::vector<Part> parts;
  std::vector<PartGrad> grads;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const ConstMatrix part = c.in(i);
    parts.push_back({part.data, part.cols(), part.cols()});
    if (!c.runs_backward()) continue;
    const Matrix grad = part_gradient("concat", c, i);
    grads.push_back({grad.data, grad.cols(), grad.cols(), c.accumulate(i)});
  }
  lists.add(parts);
  lists.add(grads);
}

void forward_concat(const Context& c) {
  dispatch(c.stream(), [&](auto stream) { concat_forward(c.out(), c.list<Part>(0), stream); });
}

void backward_concat(const Context& c) {
  dispatch(c.stream(),
           [&](auto stream) { concat_backward(c.list<PartGrad>(1), c.out_grad(), stream); });
}

constexpr Op kConcat{.name = "concat",
                     .infer = infer_concat,
                     .forward = forward_concat,
                     .backward = backward_concat,
                     .saves = {},
                     .add_lists = add_lists_concat};

}  // namespace

Var dot_interaction(Tape& tape, std::vector<Var> parts, int64_t dim, bool self_interaction) {
  return tape.apply(kDotInteraction, Attributes::of(DotAttributes{dim, self_interaction}),
                    std::move(parts))[0];
}

Var concat(Tape& tape, std::vector<Var> parts) {
  return tape.apply(kConcat, {}, std::move(parts))[0];
}

}  // namespace hotrow
