#include "model/dlrm_step.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

std::vector<int64_t> max_ids(const Schema& schema, int64_t batch) {
  std::vector<int64_t> counts;
  for (const CategoricalColumn& column : schema.categorical)
    counts.push_back(batch * column.max_ids_per_bag);
  return counts;
}

DType id_type(const Schema& schema, int64_t batch) {
  constexpr int64_t kLimit = std::numeric_limits<int32_t>::max();
  const bool wide = std::any_of(schema.categorical.begin(), schema.categorical.end(),
                                [&](const CategoricalColumn& c) {
                                  return c.rows > kLimit || batch * c.max_ids_per_bag >= kLimit;
                                });
  return wide ? DType::kInt64 : DType::kInt32;
}

void check_schema(const Schema& schema, const DlrmConfig& config) {
  require(schema.num_dense == config.bottom.front(),
          "ERROR: arch-dense-feature-size {} does not match first dim of bottom mlp {}",
          schema.num_dense, config.bottom.front());
  require(schema.categorical.size() == config.table_rows.size(),
          "[model] data and tables do not fit: got {} categorical columns, expected {}",
          schema.categorical.size(), config.table_rows.size());
}

Plan plan(const Tape& tape, const DlrmVars& vars, PlanOptions options) {
  return options.mode == Mode::kTrain ? make_plan(tape, {vars.loss, vars.prediction}, options)
                                      : make_plan(tape, {vars.prediction}, options);
}

std::string place(const Batch& batch, int64_t row) {
  return fmt::format("{}:{}", batch.source, batch.first_line + row);
}

}  // namespace

DlrmStep::DlrmStep(Dlrm& model, const Schema& schema, int64_t batch, PlanOptions options,
                   StepOptions step_options)
    : config_(&model.config()),
      schema_((check_schema(schema, model.config()), schema)),
      tape_(model.parameters(), batch, id_type(schema, batch)),
      vars_(model.record(tape_, max_ids(schema, batch))),
      step_(tape_, plan(tape_, vars_, options), step_options),
      bad_ids_(schema.categorical.size(), -1) {}

void DlrmStep::feed_numbers(const Batch& batch, Var input, std::span<const float> values,
                            const char* what) {
  const Matrix to = step_.input(input);
  require(static_cast<int64_t>(values.size()) == to.size(),
          "[feed] {} values: got {}, expected {} x {}", what, values.size(), to.rows(), to.cols());
  // 0 x is NaN for NaN and infinity, else 0: one pass without branches tells whether to look
  // closer.
  int bad_values = 0;
  for (float value : values) bad_values |= !(value * 0.0f == 0.0f);
  if (bad_values != 0) {
    const auto bad =
        std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    const int64_t index = bad - values.begin();
    throw DataError(
        fmt::format("{}: {} value {} is not a number to train on: got {}, expected a finite one",
                    place(batch, index / to.cols()), what, index % to.cols() + 1, *bad));
  }
  std::copy(values.begin(), values.end(), to.data);
}

void DlrmStep::require_good_ids(const Batch& batch, size_t t) const {
  const int64_t bad = bad_ids_[t];
  if (bad < 0) return;
  const SparseFeature& feature = batch.sparse[t];
  const auto next = std::upper_bound(feature.offsets.begin(), feature.offsets.end(), bad);
  throw DataError(fmt::format("{}: id beyond table {} ({}): got {}, expected 0 to {}",
                              place(batch, next - feature.offsets.begin() - 1), t,
                              schema_.categorical[t].name, feature.ids[static_cast<size_t>(bad)],
                              rows(t) - 1));
}

int64_t DlrmStep::rows(size_t t) const {
  return std::min(config_->table_rows[t], schema_.categorical[t].rows);
}

void DlrmStep::feed(const Batch& batch) {
  step_.set_rows(batch.rows);
  feed_numbers(batch, vars_.dense, batch.dense, "dense");
  feed_numbers(batch, vars_.target, batch.labels, "label");
  require(batch.sparse.size() == vars_.bags.size(), "[feed] got {} sparse features, expected {}",
          batch.sparse.size(), vars_.bags.size());
  parallel_for(std::ssize(batch.sparse), [&](int64_t task) {
    const auto t = static_cast<size_t>(task);
    const SparseFeature& feature = batch.sparse[t];
    bad_ids_[t] = step_.set_bags(vars_.bags[t], feature.offsets, feature.ids, rows(t));
  });
  for (size_t t = 0; t < batch.sparse.size(); ++t) require_good_ids(batch, t);
}

std::span<const float> DlrmStep::predictions() const {
  const ConstMatrix p = step_.value(vars_.prediction);
  return {p.data, static_cast<size_t>(p.rows())};
}

float DlrmStep::loss() const { return step_.value(vars_.loss).data[0]; }

}  // namespace hotrow
