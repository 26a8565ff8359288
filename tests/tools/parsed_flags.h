// The flags of dlrm_train as a test gives them.
#pragma once

#include <string>
#include <vector>

#include "tests/support/error_text.h"
#include "tools/cli/flags.h"

namespace hotrow::test {

inline TrainOptions parse(std::vector<const char*> args) {
  args.insert(args.begin(), "dlrm_train");
  return parse_train_options(static_cast<int>(args.size()), args.data());
}

inline std::string error_of(const std::vector<const char*>& args) {
  return error_text([&] { parse(args); });
}

// The value in force of a flag without its dashes.
inline std::string setting(const TrainOptions& options, const std::string& name) {
  for (const auto& [key, value] : options.settings) {
    if (key == name) return value;
  }
  return "no such flag";
}

}  // namespace hotrow::test
