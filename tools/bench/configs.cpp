#include "tools/bench/configs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

using Sizes = std::vector<int64_t>;

// Distinct values in the 26 columns of the Criteo Kaggle data set.
const Sizes kKaggleRows{1460,  583,  10131227, 2202608, 305, 24,     12517,   633,   3,
                        93145, 5683, 8351593,  3194,    27,  14992,  5461306, 10,    5652,
                        2173,  4,    7046547,  18,      15,  286181, 105,     142572};

// Those of Criteo Terabyte, no id above 40,000,000: 96 GB of rows of 128 floats.
const Sizes kTerabyteRows{39884406, 39043,    17289,    7420,     20263,  3,     7120, 1543, 63,
                          38532951, 2953546,  403346,   10,       2208,   11938, 155,  4,    976,
                          14,       39979771, 25641295, 39664984, 585935, 12972, 108,  36};

Sizes capped(Sizes rows, int64_t max_rows) {
  for (int64_t& r : rows) r = std::min(r, max_rows);
  return rows;
}

DlrmConfig model(Sizes bottom, Sizes top, Sizes rows, int64_t dim, Interaction interaction) {
  DlrmConfig config;
  config.table_rows = std::move(rows);
  config.dim = dim;
  config.bottom = std::move(bottom);
  config.top = std::move(top);
  config.interaction = interaction;
  config.loss.kind = LossKind::kBce;
  return config;
}

std::vector<BenchConfig> make_configs() {
  const auto dot = Interaction::kDot;
  const DlrmConfig kaggle = model({13, 512, 256, 64, 16}, {512, 256, 1}, kKaggleRows, 16, dot);
  const Sizes large_bottom{13, 512, 256, 128}, large_top{1024, 1024, 512, 256, 1};
  Sizes cat_top(7, 4096);
  cat_top.push_back(1);
  return {
      {"kaggle", kaggle, 1, 128},
      {"kaggle-2k", kaggle, 1, 2048},
      {"terabyte", model(large_bottom, large_top, capped(kKaggleRows, 1'000'000), 128, dot), 1,
       2048},
      {"bench", model({512, 512, 64}, {1024, 1024, 1024, 1}, Sizes(8, 1'000'000), 64, dot), 100,
       2048},
      {"multihot", model(large_bottom, large_top, Sizes(26, 200'000), 128, dot), 20, 1024},
      {"gaudi-cat", model({1024, 1024, 1024, 64}, cat_top, {3'000'000}, 64, Interaction::kCat), 38,
       512},
      {"mlperf", model(large_bottom, large_top, kTerabyteRows, 128, dot), 1, 65536, true},
  };
}

}  // namespace

std::span<const BenchConfig> bench_configs() {
  static const std::vector<BenchConfig> configs = make_configs();
  return configs;
}

std::string bench_config_names() {
  std::string names;
  for (const BenchConfig& config : bench_configs()) {
    names += (names.empty() ? "" : ", ") + config.name;
  }
  return names;
}

BenchConfig bench_config(std::string_view name, int64_t max_rows) {
  for (const BenchConfig& config : bench_configs()) {
    if (config.name != name) continue;
    BenchConfig found = config;
    found.model.table_rows = capped(std::move(found.model.table_rows), max_rows);
    return found;
  }
  throw InvalidArgument(fmt::format("[--config] is not known: got '{}', expected one of {}", name,
                                    bench_config_names()));
}

}  // namespace hotrow
