#include "data/transform.h"

namespace hotrow {
namespace {

constexpr float plus(Transform transform) { return transform == Transform::kLog1p ? 1.0f : 3.0f; }

template <Transform transform, class Small>
const Small& table() {
  static const Small small = [] {
    Small values;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::log(static_cast<float>(i) + plus(transform));
    return values;
  }();
  return small;
}

}  // namespace

const Transformer::Small& Transformer::small_counts(Transform transform) {
  return transform == Transform::kLog1p ? table<Transform::kLog1p, Small>()
                                        : table<Transform::kLog3p, Small>();
}

Transformer::Transformer(Transform transform)
    : small_(transform == Transform::kNone ? nullptr : &small_counts(transform)),
      plus_(plus(transform)) {}

}  // namespace hotrow
