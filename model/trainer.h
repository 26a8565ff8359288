// The loop around the step: epochs, tests, early stop, and the time that each phase takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "data/reader.h"
#include "model/dlrm.h"
#include "model/dlrm_step.h"
#include "model/lr_policy.h"
#include "model/metrics.h"
#include "model/report.h"

namespace hotrow {

struct TrainerConfig {
  UpdateRule rule;  // learning rate and step are set at each step
  LrPolicy learning_rate{0.01, 0, 0, 0};
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
  // `test` may be null. `stop` ends training after the step at hand, as Ctrl-C does. All must
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
  void step(const Batch& batch, const Position& at);
  bool after_step(const Position& at, bool last);
  bool reached_threshold() const;
  int64_t iterations() const;

  TrainerConfig config_;
  Reader* train_reader_;
  Reader* test_reader_;
  Report* report_;
  const std::atomic<bool>* stop_;
  std::optional<DlrmStep> train_step_, test_step_;
  Batch train_batch_, test_batch_;
  MetricsAccumulator metrics_;
  PhaseSeconds seconds_;
  int64_t steps_ = 0;                        // updates made
  int64_t last_line_ = -1, last_test_ = -1;  // steps_ when the last of each was
};

}  // namespace hotrow
