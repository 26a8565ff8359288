#include "data/transform.h"

namespace hotrow {
namespace {

constexpr float plus(Transform transform) { return transform == Transform::kLog1p ? 1.0f : 3.0f; }

// A function by name, not a lambda: g++ works a lambda's logarithms out itself, and the last bits
// of two of them are not those of the library.
template <class Small>
Small logarithms(Transform transform) {
  Small values;
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::log(static_cast<float>(i) + plus(transform));
  return values;
}

}  // namespace

const Transformer::Small& Transformer::small_counts(Transform transform) {
  static const Small log1p = logarithms<Small>(Transform::kLog1p);
  static const Small log3p = logarithms<Small>(Transform::kLog3p);
  return transform == Transform::kLog1p ? log1p : log3p;
}

Transformer::Transformer(Transform transform)
    : small_(transform == Transform::kNone ? nullptr : &small_counts(transform)),
      plus_(plus(transform)) {}

}  // namespace hotrow
