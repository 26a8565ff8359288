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

// The lists that kernels take keep their memory from step to step.
std::span<const Feature> features(const Context& c, int64_t dim) {
  thread_local std::vector<Feature> list;
  list.clear();
  for (size_t i = 0; i < c.inputs(); ++i) {
    const ConstMatrix part = c.in(i);
    for (int64_t column = 0; column < part.cols(); column += dim)
      list.push_back({part.data + column, part.cols()});
  }
  return list;
}

std::span<const FeatureGrad> feature_grads(const Context& c, int64_t dim) {
  thread_local std::vector<FeatureGrad> list;
  list.clear();
  for (size_t i = 0; i < c.inputs(); ++i) {
    const Matrix part = c.in_grad(i);
    require(part.data != nullptr,
            "[dot_interaction] part {} wants no gradient: expected a trainable part", i);
    for (int64_t column = 0; column < part.cols(); column += dim) {
      list.push_back({part.data + column, part.cols(), c.accumulate(i)});
    }
  }
  return list;
}

void forward_dot(const Context& c) {
  const auto a = c.attributes<DotAttributes>();
  dispatch(c.device(), [&](auto stream) {
    interaction_forward(c.out(), features(c, a.dim), a.dim, a.self_interaction, stream);
  });
}

void backward_dot(const Context& c) {
  const auto a = c.attributes<DotAttributes>();
  dispatch(c.device(), [&](auto stream) {
    interaction_backward(feature_grads(c, a.dim), c.out_grad(), features(c, a.dim), a.dim,
                         a.self_interaction, stream);
  });
}

constexpr Op kDotInteraction{.name = "dot_interaction",
                             .infer = infer_dot,
                             .forward = forward_dot,
                             .backward = backward_dot,
                             .saves = {.inputs = true}};

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

void forward_concat(const Context& c) {
  thread_local std::vector<Part> list;
  list.clear();
  for (size_t i = 0; i < c.inputs(); ++i)
    list.push_back({c.in(i).data, c.in(i).cols(), c.in(i).cols()});
  dispatch(c.device(), [&](auto stream) { concat_forward(c.out(), list, stream); });
}

void backward_concat(const Context& c) {
  thread_local std::vector<PartGrad> list;
  list.clear();
  for (size_t i = 0; i < c.inputs(); ++i) {
    require(c.in_grad(i).data != nullptr,
            "[concat] part {} wants no gradient: expected a trainable part", i);
    list.push_back({c.in_grad(i).data, c.in_grad(i).cols(), c.in_grad(i).cols(), c.accumulate(i)});
  }
  dispatch(c.device(), [&](auto stream) { concat_backward(list, c.out_grad(), stream); });
}

constexpr Op kConcat{.name = "concat",
                     .infer = infer_concat,
                     .forward = forward_concat,
                     .backward = backward_concat,
                     .saves = {}};

}  // namespace

Var dot_interaction(Tape& tape, std::vector<Var> parts, int64_t dim, bool self_interaction) {
  return tape.apply(kDotInteraction, Attributes::of(DotAttributes{dim, self_interaction}),
                    std::move(parts))[0];
}

Var concat(Tape& tape, std::vector<Var> parts) {
  return tape.apply(kConcat, {}, std::move(parts))[0];
}

}  // namespace hotrow
