// The loop around the step: epochs, tests, early stop, and the time that each phase takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/reader.h"
#include "model/dlrm.h"
#include "model/dlrm_step.h"
#include "model/lr_policy.h"
#include "model/metrics.h"
#include "model/report.h"

namespace hotrow {

struct TrainerConfig {
  UpdateRule rule;  // learning rate and step are set at each update
  LrPolicy learning_rate{0.01, 0, 0, 0};
  // Mini-batches whose gradients add up to one update; a shorter group at the end of an epoch makes
  // one too. An iteration is one mini-batch. Lines and tests that are due inside a group come
  // before its update.
  int64_t accumulate = 1;
  int64_t epochs = 1;
  int64_t num_batches = 0;  // of each epoch; 0: all
  int64_t print_freq = 1;
  int64_t test_freq = -1;         // in iterations, <= 0: no tests while training
  bool test_at_end = false;       // one test pass after the last iteration
  double accuracy_threshold = 0;  // stop when the best test accuracy is above; 0: never
  double auc_threshold = 0;
  PlanOptions plan;  // debug switches
  StepOptions step;
};

class Trainer {
 public:
  // `test` may be null. `stop` ends training after the update at hand, as Ctrl-C does. All must
  // outlive the trainer.
  Trainer(Dlrm& model, const TrainerConfig& config, Reader& train, Reader* test, Report& report,
          const std::atomic<bool>& stop);

  // Throws DataError for bad data, and when a loss is not a finite number: no update has been made
  // of it.
  void train();
  // One pass over the test data.
  void test(std::optional<Position> at);

  const PhaseSeconds& seconds() const { return seconds_; }
  std::vector<MemoryUse> memory() const;

 private:
  bool epoch(int64_t epoch);
  std::span<const Batch> next_group(const Position& at);
  bool step(std::span<const Batch> group, Position& at, double before);
  void check_losses(std::span<const Batch> group, const Position& at) const;
  double update();
  bool after_step(const Position& at, bool last);
  bool reached_threshold() const;
  void tell_of_refused_graphs(const DlrmStep& step);
  int64_t iterations() const;

  TrainerConfig config_;
  Reader* train_reader_;
  Reader* test_reader_;
  Report* report_;
  const std::atomic<bool>* stop_;
  std::optional<DlrmStep> train_step_, test_step_;
  std::vector<Batch> group_;  // room for the mini-batches of one update
  Batch test_batch_;
  MetricsAccumulator metrics_;
  PhaseSeconds seconds_;
  int64_t updates_ = 0, iterations_ = 0;     // of the run
  int64_t last_line_ = -1, last_test_ = -1;  // iterations_ when the last of each was
  bool told_of_graphs_ = false;
};

}  // namespace hotrow
