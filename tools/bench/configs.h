// The named models that are timed: layer sizes, tables, batch and lookups that a program written on
// another framework times under the same names, so that the two can stand side by side.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "model/config.h"

namespace hotrow {

struct BenchConfig {
  std::string name;
  DlrmConfig model;
  int64_t lookups = 1;     // ids a bag, every bag alike
  int64_t batch = 128;     // B where nobody asks for another
  bool needs_gpu = false;  // the suite of a CPU leaves it out
};

inline constexpr int64_t kAllRows = std::numeric_limits<int64_t>::max();

std::span<const BenchConfig> bench_configs();
std::string bench_config_names();  // for help and error texts

// The config of that name, no table with more than `max_rows` rows. Throws InvalidArgument for an
// unknown name.
BenchConfig bench_config(std::string_view name, int64_t max_rows);

}  // namespace hotrow
