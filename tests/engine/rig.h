// A small program with its parameters, tables and data, and the check of all of its gradients.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/device_rows.h"
#include "engine/ops/linear.h"
#include "engine/ops/loss.h"
#include "engine/step.h"
#include "engine/table.h"
#include "kernels/core/check.h"
#include "tests/reference/linear_ref.h"
#include "tests/reference/ops_ref.h"
#include "tests/support/error_text.h"
#include "tests/support/gradcheck.h"

namespace hotrow::test {
using reference::BagList;

// Numbers of both signs that stay clear of 0 and of each other.
inline void fill(Matrix m, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> size(0.3f, 1.3f);
  for (int64_t i = 0; i < m.size(); ++i) m.data[i] = (random() % 2 ? 1.0f : -1.0f) * size(random);
}

// At most `max_ids` ids below `table_rows` in bags of uneven size; with the last row, repeated ids
// and, from three bags on, an empty one.
inline BagList make_bags(int64_t rows, int64_t max_ids, int64_t table_rows, uint32_t seed) {
  std::mt19937 random(seed);
  BagList bags{{0}, {}};
  for (int64_t b = 0; b < rows; ++b) {
    const int64_t left = max_ids - static_cast<int64_t>(bags.ids.size());
    const int64_t count = rows >= 3 && b == 1 ? 0 : std::min<int64_t>(left, 1 + random() % 4);
    for (int64_t j = 0; j < count; ++j) {
      const bool last = b == 0 && j == 0;
      bags.ids.push_back(last ? table_rows - 1 : static_cast<int64_t>(random()) % table_rows);
    }
    bags.offsets.push_back(static_cast<int64_t>(bags.ids.size()));
  }
  return bags;
}

inline Table2d<double> block_of(ConstMatrix m, const DeviceStream& stream) {
  Table2d<double> block(m.rows(), m.cols());
  const std::vector<float> values = read_rows({m.data, m.dims}, stream);
  std::copy(values.begin(), values.end(), block.data.begin());
  return block;
}

inline std::vector<float> copy_of(ConstMatrix m) { return {m.data, m.data + m.size()}; }

// Same bits: NaN equals NaN, 0 does not equal -0.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// at("name"): a parameter, table or input of a Rig, in the number type of the program.
template <class T>
struct Named {
  const Blocks<T>& blocks;
  const std::map<std::string, size_t>& index;
  const Table2d<T>& operator()(const std::string& name) const { return blocks[index.at(name)]; }
};

class Rig {
 public:
  explicit Rig(int64_t batch, DType id_type = DType::kInt32, Device where = Device::kCpu)
      : device(where), tape(parameters, batch, id_type) {}

  static constexpr int64_t kMaxBag = 4;

  Device device;
  Parameters parameters;
  Tape tape;
  std::deque<Table> tables;
  std::vector<SparseVar> bags;  // of sparse_input()

  Var input(const std::string& name, int64_t cols) {
    return inputs_.emplace_back(tape.input(name, cols));
  }
  Table& table(const std::string& name, int64_t rows, int64_t dim, bool trainable = true) {
    Table& added =
        tables.emplace_back(name, rows, dim, trainable, TableType::kFloat32, RoundingKey{}, device);
    fill_there(added.weights(), static_cast<uint32_t>(100 + tables.size()));
    return added;
  }
  // A sparse input that feed_all() fills with ids below `table_rows`.
  SparseVar sparse_input(const std::string& name, int64_t table_rows) {
    bag_rows_.push_back(table_rows);
    return bags.emplace_back(tape.sparse_input(name, tape.batch() * kMaxBag));
  }
  // A layer whose parameters are "`name`.w" and "`name`.b".
  Var layer(const std::string& name, Var x, int64_t out, Activation activation) {
    const Var w = tape.parameter(name + ".w", out, tape.tensor(x).cols);
    const Var b = tape.parameter(name + ".b", out, 1);
    return linear(tape, x, w, b, activation);
  }
  // One number a sample, and the loss of it against the input "target".
  Var head(Var y, const LossConfig& config = {}) {
    const bool chance = config.kind == LossKind::kBce || config.kind == LossKind::kWeightedBce ||
                        config.threshold > 0;
    head_ = chance ? Activation::kSigmoid : Activation::kNone;
    prediction = layer("head", y, 1, head_);
    loss_config_ = config;
    return result = loss(tape, prediction, input("target", 1), config);
  }
  // The same in a program.
  template <class T>
  T head_of(const Named<T>& at, const Table2d<T>& y) const {
    const auto p = reference::dense_layer(y, at("head.w"), &at("head.b"), head_);
    return reference::mean_loss(p, at("target"), loss_config_);
  }

  // Memory and random values for everything; the batch is full.
  Step& finish(PlanOptions options = {}, StepOptions step_options = {},
               UpdateKind kind = UpdateKind::kSgd) {
    options.device = device;
    parameters.allocate(options.mode == Mode::kTrain, kind, device);
    for (int i = 0; i < static_cast<int>(parameters.list().size()); ++i) {
      fill_there(parameters.value(i), static_cast<uint32_t>(i));
    }
    for (Table& each : tables) each.prepare_state(kind);
    const std::vector<Var> results = options.mode == Mode::kTrain
                                         ? std::vector<Var>{result, prediction}
                                         : std::vector<Var>{prediction};
    step.emplace(tape, make_plan(tape, results, options), step_options);
    set_rows(tape.batch());
    return *step;
  }
  // Also fills the live rows of all dense inputs.
  void set_rows(int64_t rows, uint32_t seed = 0) {
    step->set_rows(rows);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Matrix m = step->input(inputs_[i]);
      fill(m, seed + static_cast<uint32_t>(200 + i));
      if (tape.info(inputs_[i]).name != "target") continue;
      for (int64_t b = 0; b < rows; ++b) m.data[b] = m.data[b] > 0 ? 1.0f : 0.0f;
    }
  }
  void feed(SparseVar v, const BagList& list, int64_t table_rows) {
    EXPECT_EQ(step->set_bags(v, list.offsets, list.ids, table_rows), -1);
  }

  // Another batch for each seed.
  void feed_all(int64_t rows, uint32_t seed) {
    set_rows(rows, seed);
    for (size_t t = 0; t < bags.size(); ++t) {
      const uint32_t own = 10 * seed + static_cast<uint32_t>(t);
      feed(bags[t], make_bags(rows, tape.batch() * kMaxBag, bag_rows_[t], own), bag_rows_[t]);
    }
  }
  // The rate is another in each step: a graph has to follow it.
  void train(int64_t rows, uint32_t seed, UpdateKind kind = UpdateKind::kAdagrad) {
    feed_all(rows, seed);
    step->forward();
    step->backward({.kind = kind, .learning_rate = 0.1 / (1 + seed), .step = int64_t{seed} + 1});
  }

  // Everything that a step changes.
  std::vector<float> state() {
    std::vector<float> all = copy_of(step->value(result));
    const std::vector<float> predictions = copy_of(step->value(prediction));
    all.insert(all.end(), predictions.begin(), predictions.end());
    const auto append = [&](ConstMatrix m) {
      const std::vector<float> values = read_rows({m.data, m.dims}, parameters.stream());
      all.insert(all.end(), values.begin(), values.end());
    };
    for (int i = 0; i < static_cast<int>(parameters.list().size()); ++i) {
      append(parameters.value(i));
      append(parameters.gradient(i));
    }
    for (const Table& each : tables) append(each.weights());
    return all;
  }

  // Runs a step of SGD with a learning rate of 1 and compares the loss and every gradient with
  // those of program(at). A table's gradient is what the step took from it.
  template <class Program>
  void check(const Program& program, int64_t terms) {
    Blocks<double> blocks;
    std::map<std::string, size_t> index;
    const auto put = [&](const std::string& name, Table2d<double> block) {
      index[name] = blocks.size();
      blocks.push_back(std::move(block));
    };
    const auto& list = parameters.list();
    for (size_t i = 0; i < list.size(); ++i) {
      put(list[i].name, block_of(parameters.value(static_cast<int>(i)), parameters.stream()));
    }
    for (const Table& each : tables)
      put(each.name(), block_of(each.weights(), parameters.stream()));
    for (Var v : inputs_)
      put(tape.info(v).name, block_of(step->input(v), DeviceStream(Device::kCpu)));
    const auto f = [&]<class T>(const Blocks<T>& b) { return program(Named<T>{b, index}); };

    step->forward();
    step->backward({.kind = UpdateKind::kSgd, .learning_rate = 1});

    const Slope want = f(constants(blocks));
    const std::vector<Exact> exact{{want.value, want.value_size}};
    EXPECT_TRUE(within_bound(copy_of(step->value(result)), exact, terms)) << "loss";
    for (size_t i = 0; i < list.size(); ++i) {
      const Table2d<double> got =
          block_of(parameters.gradient(static_cast<int>(i)), parameters.stream());
      EXPECT_TRUE(gradient_is(got.data, f, blocks, i, terms)) << list[i].name;
      const auto after = block_of(parameters.value(static_cast<int>(i)), parameters.stream()).data;
      for (size_t j = 0; j < after.size(); ++j) {  // the rule, with its one rounding
        EXPECT_EQ(after[j], static_cast<float>(blocks[i].data[j] - got.data[j])) << list[i].name;
      }
    }
    for (const Table& each : tables) {
      const size_t at = index[each.name()];
      const std::vector<double>& before = blocks[at].data;
      std::vector<double> got = block_of(each.weights(), parameters.stream()).data, slack;
      for (size_t i = 0; i < got.size(); ++i) {
        slack.push_back(std::abs(got[i]) * std::numeric_limits<float>::epsilon());
        got[i] = before[i] - got[i];
      }
      if (each.trainable()) {
        EXPECT_TRUE(gradient_is(got, f, blocks, at, terms, slack)) << each.name();
      } else {
        EXPECT_EQ(got, std::vector<double>(got.size())) << each.name() << " is fixed";
      }
    }
  }

  std::optional<Step> step;
  Var result, prediction;

 private:
  void fill_there(Matrix m, uint32_t seed) const {
    write_rows(rows_of(m), DeviceStream(device), [&](const TableRows& rows, int64_t) {
      fill({rows.as<float>(), rows.dims}, seed);
    });
  }

  std::vector<Var> inputs_;
  std::vector<int64_t> bag_rows_;
  LossConfig loss_config_;
  Activation head_ = Activation::kNone;
};

}  // namespace hotrow::test
