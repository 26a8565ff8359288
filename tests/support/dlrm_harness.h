// A model on a tape of its own, so that a test sees what DlrmStep hides: the id type, gradients,
// tables.
#pragma once

#include <algorithm>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "data/batch.h"
#include "engine/device_rows.h"
#include "engine/step.h"
#include "kernels/core/check.h"
#include "model/dlrm.h"
#include "tests/reference/dlrm_ref.h"

namespace hotrow::test {

// Odd sizes everywhere, a table of one row among them.
inline DlrmConfig small_config() {
  DlrmConfig c;
  c.table_rows = {31, 1, 5, 57};
  c.dim = 3;
  c.bottom = {5, 7, 3};
  c.top = {6, 1};
  c.loss.kind = LossKind::kBce;
  return c;
}

// What batches for a model of this configuration promise, at most max_ids a bag.
inline BatchShape batch_shape(const DlrmConfig& c, int64_t max_ids) {
  BatchShape shape{.num_dense = c.bottom.front(), .categorical = {}};
  for (int64_t rows : c.table_rows) shape.categorical.push_back({"C", rows, max_ids});
  return shape;
}

struct HarnessOptions {
  UpdateKind optimizer = UpdateKind::kSgd;
  int64_t batch = 1;
  int64_t max_ids = 1;  // of one table in one batch
  DType id_type = DType::kInt32;
  PlanOptions plan;
  StepOptions step;
};

class DlrmHarness {
 public:
  DlrmHarness(const DlrmConfig& config, const HarnessOptions& o)
      : model_(config, Mode::kTrain, o.optimizer, o.plan.device),
        tape_(model_.parameters(), o.batch, o.id_type),
        vars_(model_.record(tape_, std::vector<int64_t>(config.table_rows.size(),
                                                        std::max<int64_t>(o.max_ids, 1)))),
        step_(tape_, make_plan(tape_, {vars_.loss, vars_.prediction}, o.plan), o.step) {}
  DlrmHarness(const DlrmHarness&) = delete;  // the parts refer to each other
  DlrmHarness& operator=(const DlrmHarness&) = delete;

  void feed(const Batch& batch) {
    step_.set_rows(batch.rows);
    std::copy(batch.dense.begin(), batch.dense.end(), step_.input(vars_.dense).data);
    std::copy(batch.labels.begin(), batch.labels.end(), step_.input(vars_.target).data);
    for (size_t t = 0; t < batch.sparse.size(); ++t) {
      const SparseFeature& s = batch.sparse[t];
      const int64_t bad =
          step_.set_bags(vars_.bags[t], s.offsets, s.ids, model_.config().table_rows[t]);
      require(bad < 0, "[test] bad id at {} of table {}", bad, t);
    }
  }
  void forward() { step_.forward(); }
  void backward(const UpdateRule& rule) { step_.backward(rule); }
  std::vector<float> predictions() const {
    const ConstMatrix p = step_.value(vars_.prediction);
    return {p.data, p.data + p.size()};
  }
  float loss() const { return step_.value(vars_.loss).data[0]; }
  Dlrm& model() { return model_; }

  // What is learned, by name.
  std::map<std::string, std::vector<float>> values() {
    std::map<std::string, std::vector<float>> all;
    for (const Dlrm::Named& p : model_.named_parameters()) {
      all[p.name] = p.floats();
    }
    return all;
  }
  void set(const std::string& name, std::span<const float> values) {
    const Matrix to = matrix(name);
    require(to.size() == static_cast<int64_t>(values.size()),
            "[test] size of '{}': got {}, expected {}", name, values.size(), to.size());
    write_rows(rows_of(to), model_.parameters().stream(),
               [&](const TableRows& rows, int64_t first) {
                 std::copy_n(values.begin() + first * rows.cols(), rows.size(), rows.as<float>());
               });
  }
  // Runs the batch with SGD at rate 1: the tables' gradients are then the differences, and those of
  // the dense parameters are there to read. The parameters have moved afterwards.
  std::map<std::string, std::vector<float>> gradients_by_sgd(const Batch& batch) {
    auto gradients = values();
    feed(batch);
    forward();
    backward(UpdateRule{.kind = UpdateKind::kSgd, .learning_rate = 1.0});
    for (const auto& [name, after] : values()) {
      std::vector<float>& before = gradients[name];
      for (size_t i = 0; i < before.size(); ++i) before[i] -= after[i];
    }
    const Parameters& dense = model_.parameters();
    for (size_t i = 0; i < dense.list().size(); ++i) {
      gradients[dense.list()[i].name] = floats(dense.gradient(static_cast<int>(i)));
    }
    return gradients;
  }
  // The same model in double.
  reference::DlrmRef reference() {
    reference::DlrmRef ref(model_.config());
    for (const auto& table : model_.embeddings().tables()) {
      ref.add(table->name(), floats(table->weights()), table->dim(), table->trainable());
    }
    for (size_t i = 0; i < model_.parameters().list().size(); ++i) {
      const Parameters::Parameter& p = model_.parameters().list()[i];
      ref.add(p.name, floats(model_.parameters().value(static_cast<int>(i))), p.cols, true);
    }
    return ref;
  }

 private:
  std::vector<float> floats(ConstMatrix m) {
    return read_rows({m.data, m.dims}, model_.parameters().stream());
  }
  Matrix matrix(const std::string& name) {
    for (const auto& table : model_.embeddings().tables()) {
      if (table->name() == name) return table->weights();
    }
    const auto& dense = model_.parameters().list();
    for (size_t i = 0; i < dense.size(); ++i) {
      if (dense[i].name == name) return model_.parameters().value(static_cast<int>(i));
    }
    throw InvalidArgument("[test] the model has no parameter '" + name + "'");
  }

  Dlrm model_;
  Tape tape_;
  DlrmVars vars_;
  Step step_;
};

// A batch with empty bags, repeated ids and every table's last row; ids lean to the small ones.
// Labels are 0 or 1.
inline Batch random_batch(const DlrmConfig& config, int64_t rows, int64_t max_ids_per_bag,
                          uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform;
  std::normal_distribution<float> normal;
  Batch batch;
  batch.rows = rows;
  batch.source = "random batch";
  batch.first_line = 1;
  for (int64_t i = 0; i < rows * config.bottom.front(); ++i) batch.dense.push_back(normal(random));
  for (int64_t b = 0; b < rows; ++b) batch.labels.push_back(uniform(random) < 0.4 ? 1.0f : 0.0f);
  for (int64_t table_rows : config.table_rows) {
    SparseFeature& feature = batch.sparse.emplace_back();
    feature.offsets.push_back(0);
    for (int64_t b = 0; b < rows; ++b) {
      const int64_t n = std::uniform_int_distribution<int64_t>(0, max_ids_per_bag)(random);
      for (int64_t i = 0; i < n; ++i) {
        const double skewed = std::pow(static_cast<double>(table_rows), uniform(random)) - 1;
        const bool last = i == 0 && b == rows / 2;
        feature.ids.push_back(last ? table_rows - 1
                                   : std::min(table_rows - 1, static_cast<int64_t>(skewed)));
      }
      feature.offsets.push_back(static_cast<int64_t>(feature.ids.size()));
    }
  }
  return batch;
}

}  // namespace hotrow::test
