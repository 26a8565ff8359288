#include "model/mlp.h"

#include <fmt/format.h>

#include "engine/ops/linear.h"

namespace hotrow {

Var mlp(Tape& tape, const std::string& name, Var x, const std::vector<int64_t>& sizes,
        Activation last) {
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    const Var w = tape.parameter(fmt::format("{}.{}.weight", name, 2 * i), sizes[i + 1], sizes[i]);
    const Var b = tape.parameter(fmt::format("{}.{}.bias", name, 2 * i), sizes[i + 1], 1);
    x = linear(tape, x, w, b, i + 2 == sizes.size() ? last : Activation::kRelu);
  }
  return x;
}

}  // namespace hotrow
