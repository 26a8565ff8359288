// What a DLRM is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/core/precision.h"
#include "kernels/core/table_rows.h"
#include "kernels/loss.h"

namespace hotrow {

enum class Interaction { kDot, kCat };
enum class WeightedPooling { kNone, kFixed, kLearned };
enum class QrOperation { kMultiply, kAdd, kConcat };

// Quotient-remainder trick (Shi et al., 2020): tables with more than `threshold` rows become two.
struct QrConfig {
  int64_t threshold = 200;
  int64_t collisions = 4;
  QrOperation operation = QrOperation::kMultiply;
};

// Mixed dimensions (Ginart et al., 2019): tables with more than `threshold` rows get a dimension
// that falls with their size, and a projection back to the common one.
struct MixedDimensionConfig {
  int64_t threshold = 200;
  double temperature = 0.3;
  bool round_dims = false;
};

struct DlrmConfig {
  std::vector<int64_t> table_rows;
  std::vector<std::string> table_names;  // for error texts; empty: the tables' numbers
  int64_t dim = 2;
  TableType table_type = TableType::kFloat32;  // of all tables; weights of pooling stay floats
  std::vector<int64_t> bottom = {4, 3, 2};     // from the dense features to the last layer
  std::vector<int64_t> top = {2, 1};  // layers after the interaction, whose width is computed
  Interaction interaction = Interaction::kDot;
  bool self_interaction = false;
  WeightedPooling weighted_pooling = WeightedPooling::kNone;
  std::optional<QrConfig> qr;
  std::optional<MixedDimensionConfig> mixed_dimensions;
  LossConfig loss;
  Precision precision = Precision::kFloat32;  // of the factors in the products of linear layers
  uint32_t seed = 123;  // of draws that the reference takes from another stream than NumPy's

  // Width of every feature that enters the interaction.
  int64_t feature_dim() const {
    return qr && qr->operation == QrOperation::kConcat ? 2 * dim : dim;
  }
  int64_t interaction_width() const;
};

// Throws InvalidArgument, in the reference's words where it has some, unless layers and tables fit
// together.
void check_config(const DlrmConfig& config);

// One dimension a table, as the mixed-dimension trick chooses them: n_min^t d0 n^-t, at least 1,
// the smallest table gets d0; optionally rounded to a power of two.
std::vector<int64_t> mixed_dimensions(const std::vector<int64_t>& table_rows, int64_t d0,
                                      const MixedDimensionConfig& config);

}  // namespace hotrow
