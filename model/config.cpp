#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/check.h"
#include "kernels/interaction.h"

namespace hotrow {

int64_t DlrmConfig::interaction_width() const {
  const int64_t features = static_cast<int64_t>(table_rows.size()) + 1;
  return interaction == Interaction::kCat
             ? features * feature_dim()
             : feature_dim() + interaction_pairs(features, self_interaction);
}

void check_config(const DlrmConfig& config) {
  require(!config.table_rows.empty(), "[model] got no embedding table, expected at least one");
  require(config.bottom.size() >= 2, "[model] bottom MLP: got {} sizes, expected at least 2",
          config.bottom.size());
  require(!config.top.empty() && config.top.back() == 1,
          "[model] top MLP: got a last size of {}, expected 1",
          config.top.empty() ? 0 : config.top.back());
  const bool doubled = config.feature_dim() != config.dim;
  require(config.bottom.back() == config.feature_dim(),
          "ERROR: {}arch-sparse-feature-size {} does not match last dim of bottom mlp {}{}",
          doubled ? "2 " : "", config.feature_dim(), config.bottom.back(),
          doubled ? " (note that the last dim of bottom mlp must be 2x the embedding dim)" : "");
  require(config.weighted_pooling == WeightedPooling::kNone || !config.qr,
          "ERROR: quotient remainder with weighted pooling is not supported");
  require(config.weighted_pooling == WeightedPooling::kNone || !config.mixed_dimensions,
          "ERROR: mixed dimensions with weighted pooling is not supported");
  require(!config.qr || config.qr->collisions >= 1,
          "[model] quotient-remainder collisions: got {}, expected at least 1",
          config.qr ? config.qr->collisions : 0);
  require(!config.qr || !config.mixed_dimensions,
          "[model] got both the quotient-remainder and the mixed-dimension trick, expected one");
  if (!doubled) return;
  for (size_t t = 0; t < config.table_rows.size(); ++t) {
    require(config.table_rows[t] > config.qr->threshold,
            "[model] --qr-operation=concat needs every table above --qr-threshold: got table {} of "
            "{} rows, expected more than {}",
            t, config.table_rows[t], config.qr->threshold);
  }
}

std::vector<int64_t> mixed_dimensions(const std::vector<int64_t>& table_rows, int64_t d0,
                                      const MixedDimensionConfig& config) {
  const auto smallest = std::min_element(table_rows.begin(), table_rows.end());
  const double scale =
      static_cast<double>(d0) * std::pow(static_cast<double>(*smallest), config.temperature);
  std::vector<int64_t> dims;
  for (int64_t rows : table_rows) {
    double d = std::nearbyint(scale * std::pow(static_cast<double>(rows), -config.temperature));
    if (rows == *smallest) d = static_cast<double>(d0);
    d = std::max(d, 1.0);
    if (config.round_dims) d = std::exp2(std::nearbyint(std::log2(d)));
    dims.push_back(static_cast<int64_t>(d));
  }
  return dims;
}

}  // namespace hotrow
