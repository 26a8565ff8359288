#include "model/dlrm_step.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/profile_range.h"
#include "kernels/core/check.h"
#include "kernels/core/parallel.h"

namespace hotrow {
namespace {

std::vector<int64_t> max_ids(const BatchShape& shape, int64_t batch) {
  std::vector<int64_t> counts;
  for (const CategoricalShape& column : shape.categorical)
    counts.push_back(batch * column.max_ids_per_bag);
  return counts;
}

DType id_type(const BatchShape& shape, int64_t batch) {
  constexpr int64_t kLimit = std::numeric_limits<int32_t>::max();
  const bool wide = std::any_of(shape.categorical.begin(), shape.categorical.end(),
                                [&](const CategoricalShape& c) {
                                  return c.rows > kLimit || batch * c.max_ids_per_bag >= kLimit;
                                });
  return wide ? DType::kInt64 : DType::kInt32;
}

void check_shape(const BatchShape& shape, const DlrmConfig& config) {
  require(shape.num_dense == config.bottom.front(),
          "ERROR: arch-dense-feature-size {} does not match first dim of bottom mlp {}",
          shape.num_dense, config.bottom.front());
  require(shape.categorical.size() == config.table_rows.size(),
          "[model] data and tables do not fit: got {} categorical columns, expected {}",
          shape.categorical.size(), config.table_rows.size());
}

Plan plan(const Tape& tape, const DlrmVars& vars, PlanOptions options) {
  return options.mode == Mode::kTrain ? make_plan(tape, {vars.loss, vars.prediction}, options)
                                      : make_plan(tape, {vars.prediction}, options);
}

std::string place(const Batch& batch, int64_t row) {
  return fmt::format("{}:{}", batch.source, batch.first_line + row);
}

// Checks `values` and copies them to the batch's rows of an input.
void feed_numbers(const Batch& batch, Matrix to, std::span<const float> values, const char* what) {
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
    const float shown = std::isnan(*bad) ? std::abs(*bad) : *bad;  // a NaN has no sign to a person
    throw DataError(
        fmt::format("{}: {} value {} is not a number to train on: got {}, expected a finite one",
                    place(batch, index / to.cols()), what, index % to.cols() + 1, shown));
  }
  std::copy(values.begin(), values.end(), to.data);
}

int64_t count_rows(std::span<const Batch> group) {
  return std::accumulate(group.begin(), group.end(), int64_t{0},
                         [](int64_t sum, const Batch& batch) { return sum + batch.rows; });
}

}  // namespace

DlrmStep::DlrmStep(Dlrm& model, const BatchShape& shape, int64_t batch, PlanOptions options,
                   StepOptions step_options, int64_t mini_batches)
    : config_(&model.config()),
      shape_((check_shape(shape, model.config()), shape)),
      batch_(batch),
      tape_(model.parameters(), batch * mini_batches, id_type(shape, batch * mini_batches)),
      vars_(model.record(tape_, max_ids(shape, batch * mini_batches), mini_batches)),
      step_(tape_, plan(tape_, vars_, options), step_options),
      bad_ids_(shape.categorical.size(), -1) {
  if (mini_batches == 1) return;
  for (int64_t most : max_ids(shape, tape_.batch())) {
    SparseFeature& joined = joined_.emplace_back();
    joined.offsets.reserve(static_cast<size_t>(tape_.batch() + 1));
    joined.ids.reserve(static_cast<size_t>(most));
  }
}

void DlrmStep::check_group(std::span<const Batch> group) const {
  const int64_t most = tape_.batch() / batch_;
  require(!group.empty() && std::ssize(group) <= most, "[feed] got {} batches, expected 1 to {}",
          group.size(), most);
  for (const Batch& batch : group) {
    const bool last = &batch == &group.back();
    require(last ? batch.rows <= batch_ : batch.rows == batch_,
            "[feed] batch does not fit: got {} samples, expected {} {}", batch.rows,
            last ? "at most" : "exactly", batch_);
    require(batch.sparse.size() == vars_.bags.size(), "[feed] got {} sparse features, expected {}",
            batch.sparse.size(), vars_.bags.size());
  }
}

// The bags of table t of the whole group.
const SparseFeature& DlrmStep::join(std::span<const Batch> group, size_t t) {
  if (group.size() == 1) return group[0].sparse[t];
  SparseFeature& joined = joined_[t];
  joined.offsets.assign(1, 0);
  joined.ids.clear();
  for (const Batch& batch : group) {
    const SparseFeature& part = batch.sparse[t];
    for (size_t b = 1; b < part.offsets.size(); ++b) {
      const int64_t ids = part.offsets[b] - part.offsets[b - 1];
      joined.offsets.push_back(joined.offsets.back() + ids);
    }
    joined.ids.insert(joined.ids.end(), part.ids.begin(), part.ids.end());
  }
  return joined;
}

int64_t DlrmStep::rows(size_t t) const {
  return std::min(config_->table_rows[t], shape_.categorical[t].rows);
}

void DlrmStep::require_good_ids(std::span<const Batch> group, size_t t) const {
  if (bad_ids_[t] < 0) return;
  // Where in the group: bags before the bad id, batch by batch.
  int64_t bad = bad_ids_[t];
  auto batch = group.begin();
  for (; bad >= std::ssize(batch->sparse[t].ids); ++batch) bad -= std::ssize(batch->sparse[t].ids);
  const SparseFeature& feature = batch->sparse[t];
  const auto next = std::upper_bound(feature.offsets.begin(), feature.offsets.end(), bad);
  throw DataError(fmt::format("{}: id beyond table {} ({}): got {}, expected 0 to {}",
                              place(*batch, next - feature.offsets.begin() - 1), t,
                              shape_.categorical[t].name, feature.ids[static_cast<size_t>(bad)],
                              rows(t) - 1));
}

void DlrmStep::feed(std::span<const Batch> group) {
  const ProfileRange range("feed");
  check_group(group);
  step_.set_rows(count_rows(group));
  fed_ = group.size();
  const Matrix dense = step_.input(vars_.dense), target = step_.input(vars_.target);
  int64_t first = 0;
  for (const Batch& batch : group) {
    feed_numbers(batch, {dense.row(first), {batch.rows, dense.cols()}}, batch.dense, "dense");
    feed_numbers(batch, {target.row(first), {batch.rows, 1}}, batch.labels, "label");
    first += batch.rows;
  }
  parallel_for(std::ssize(vars_.bags), [&](int64_t task) {
    const auto t = static_cast<size_t>(task);
    const SparseFeature& all = join(group, t);
    bad_ids_[t] = step_.set_bags(vars_.bags[t], all.offsets, all.ids, rows(t));
  });
  for (size_t t = 0; t < vars_.bags.size(); ++t) require_good_ids(group, t);
}

std::span<const float> DlrmStep::predictions() const {
  const ConstMatrix p = step_.value(vars_.prediction);
  return {p.data, static_cast<size_t>(p.rows())};
}

std::span<const float> DlrmStep::losses() const { return {step_.value(vars_.loss).data, fed_}; }

}  // namespace hotrow
