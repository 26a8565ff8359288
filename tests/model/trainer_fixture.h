// A small model, batches from memory and a report into a temporary file, for tests of the trainer.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "model/trainer.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {

inline constexpr int64_t kBatch = 8;

inline DlrmConfig trainer_config() {
  DlrmConfig c;
  c.table_rows = {40, 30};
  c.loss.kind = LossKind::kBce;
  return c;
}

// Batches from memory. `known` false: a stream, whose length shows only at its end.
class FakeReader final : public Reader {
 public:
  explicit FakeReader(int64_t count, bool known = true) : known_(known) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t rows = i + 1 == count && count > 1 ? 3 : kBatch;
      batches.push_back(random_batch(trainer_config(), rows, 2, static_cast<uint32_t>(i)));
      batches.back().source = "clicks.tsv";
      batches.back().first_line = i * kBatch + 1;
    }
  }
  const BatchShape& shape() const override { return shape_; }
  int64_t batch_size() const override { return kBatch; }
  int64_t num_batches() const override {
    return known_ ? static_cast<int64_t>(batches.size()) : kUnknown;
  }
  void rewind() override { next_ = 0, ++passes; }
  bool next(Batch& batch) override {
    if (next_ == batches.size()) return false;
    if (on_next) on_next(next_);
    batch = batches[next_++];
    return true;
  }

  std::vector<Batch> batches;
  std::function<void(size_t)> on_next;
  int passes = 0;

 private:
  BatchShape shape_{.num_dense = 4, .categorical = {{"C1", 40, 2}, {"C2", 30, 2}}};
  bool known_;
  size_t next_ = 0;
};

// One run into a temporary file.
class TrainerTest : public ::testing::Test {
 protected:
  explicit TrainerTest(Device device = Device::kCpu)
      : model_(trainer_config(), Mode::kTrain, UpdateKind::kSgd, device) {
    config_.plan.device = device;
    initialise();
  }
  ~TrainerTest() override { std::fclose(out_); }

  void initialise() {
    NumpyRandom stream(1);
    model_.initialise(stream, InitOrder::kDefault);
  }
  void train(FakeReader& train, FakeReader* test = nullptr) {
    Report report({.out = out_, .json_log = {}, .now = {}});
    Trainer trainer(model_, config_, train, test, report, stop_);
    trainer.train();
    seconds_ = trainer.seconds();
  }
  std::string output() {
    std::string text;
    std::rewind(out_);
    for (int c = std::fgetc(out_); c != EOF; c = std::fgetc(out_))
      text.push_back(static_cast<char>(c));
    return text;
  }
  static int count(const std::string& text, const std::string& part) {
    int n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
  }
  // The first test reaches a threshold: no other comes.
  void expect_stop_at(const std::string& threshold) {
    FakeReader reader(50), test(4);
    train(reader, &test);
    EXPECT_EQ(count(output(), "MLPerf testing " + threshold + " reached, stop training"), 1);
    EXPECT_EQ(test.passes, 1);
  }
  std::vector<float> parameters() {
    std::vector<float> all;
    for (const Dlrm::Named& p : model_.named_parameters()) {
      const std::vector<float> values = p.floats();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  Dlrm model_;
  TrainerConfig config_;
  std::atomic<bool> stop_{false};
  PhaseSeconds seconds_;
  std::FILE* out_ = std::tmpfile();
};

}  // namespace hotrow::test
