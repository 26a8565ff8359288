#include "model/mlp.h"

#include <fmt/format.h>

#include "engine/ops/linear.h"

namespace hotrow {

Var mlp(Tape& tape, const std::string& name, Var x, const std::vector<int64_t>& sizes,
        Activation last, Precision precision) {
  std::vector<LinearLayer> layers;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    layers.push_back(
        {tape.parameter(fmt::format("{}.{}.weight", name, 2 * i), sizes[i + 1], sizes[i]),
         tape.parameter(fmt::format("{}.{}.bias", name, 2 * i), sizes[i + 1], 1)});
  }
  return linear_chain(tape, x, layers, last, precision);
}

}  // namespace hotrow
