#include "model/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    start_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool every(int64_t frequency, int64_t iteration) {
  return frequency > 0 && iteration % frequency == 0;
}

}  // namespace

Trainer::Trainer(Dlrm& model, const TrainerConfig& config, Reader& train, Reader* test,
                 Report& report, const std::atomic<bool>& stop)
    : config_(config), train_reader_(&train), test_reader_(test), report_(&report), stop_(&stop) {
  seconds_.on_gpu = config.plan.device == Device::kCuda;
  if (config.plan.mode == Mode::kTrain) {
    require(config.accumulate >= 1,
            "[train] mini-batches of an update: got {}, expected at least 1", config.accumulate);
    // No more than an epoch has.
    const int64_t most = iterations() == kUnknownCount ? config.accumulate : iterations();
    group_.resize(static_cast<size_t>(std::clamp<int64_t>(most, 1, config.accumulate)));
    train_step_.emplace(model, train.shape(), train.batch_size(), config.plan, config.step,
                        std::ssize(group_));
  }
  if (test == nullptr) return;
  PlanOptions serve = config.plan;
  serve.mode = Mode::kServe;
  test_step_.emplace(model, test->shape(), test->batch_size(), serve, config.step);
}

int64_t Trainer::iterations() const {
  const int64_t all = train_reader_->num_batches(), limit = config_.num_batches;
  if (all == Reader::kUnknown) return limit > 0 ? limit : kUnknownCount;
  return limit > 0 ? std::min(limit, all) : all;
}

void Trainer::train() {
  report_->started();
  for (int64_t k = 0; k < config_.epochs; ++k) {
    if (!epoch(k)) break;
  }
  Stopwatch clock;
  train_step_->wait();  // the last update is queued: what goes wrong in it must not go unnoticed
  seconds_.update += clock.lap();
}

// False: training is over before its last epoch.
bool Trainer::epoch(int64_t k) {
  train_reader_->seek(k, 0);
  Position at{.iteration = 0, .iterations = iterations(), .epoch = k};
  Stopwatch clock;
  for (auto group = next_group(at); !group.empty(); group = next_group(at)) {
    seconds_.data += clock.lap();
    train_step_->feed(group);
    const double feed = clock.lap();
    seconds_.feed += feed;
    if (!step(group, at, seconds_.on_gpu ? feed : 0)) return false;
    clock.lap();
  }
  require<DataError>(at.iteration > 0,
                     "[train] the training data is empty: got no sample, expected at least one");
  if (at.iteration == at.iterations) return true;
  return after_step({at.iteration, at.iteration, k}, true);  // a stream that knew no end
}

// The next mini-batches of the epoch, none at its end. Reads nothing beyond its last iteration.
std::span<const Batch> Trainer::next_group(const Position& at) {
  int64_t size = 0;
  while (size < std::ssize(group_) && at.iteration + size != at.iterations &&
         train_reader_->next(group_[static_cast<size_t>(size)])) {
    ++size;
  }
  return {group_.data(), static_cast<size_t>(size)};
}

// One update, and the iterations that it is made of, which took `before` seconds so far. False:
// training is over.
bool Trainer::step(std::span<const Batch> group, Position& at, double before) {
  train_step_->forward();
  check_losses(group, at);
  const double forward = train_step_->take_times().forward;
  seconds_.forward += forward;
  for (size_t m = 0; m < group.size(); ++m) {
    ++at.iteration;
    ++iterations_;
    double seconds = (before + forward) / static_cast<double>(group.size());
    if (m + 1 == group.size()) seconds += update();
    report_->step(at, group[m].rows, train_step_->losses()[m], seconds);
    if (!stop_->load() && !after_step(at, at.iteration == at.iterations)) return false;
  }
  return !stop_->load();
}

void Trainer::check_losses(std::span<const Batch> group, const Position& at) const {
  const std::span<const float> losses = train_step_->losses();
  for (size_t m = 0; m < group.size(); ++m) {
    const Batch& batch = group[m];
    require<DataError>(std::isfinite(losses[m]),
                       "[train] loss at iteration {} of epoch {} ({}, samples {} to {}): got {}, "
                       "expected a finite number "
                       "(try a smaller --learning-rate)",
                       at.iteration + static_cast<int64_t>(m) + 1, at.epoch, batch.source,
                       batch.first_line, batch.first_line + batch.rows - 1,
                       std::abs(losses[m]));  // a NaN has no sign to a person
  }
}

// Gives the seconds that it took.
double Trainer::update() {
  UpdateRule rule = config_.rule;
  rule.step = ++updates_;
  rule.learning_rate = config_.learning_rate.at(updates_);
  train_step_->backward(rule);
  const StepTimes times = train_step_->take_times();
  tell_of_refused_graphs(*train_step_);
  seconds_.backward += times.backward;
  seconds_.update += times.update;
  return times.backward + times.update;
}

void Trainer::tell_of_refused_graphs(const DlrmStep& step) {
  if (told_of_graphs_) return;
  const std::string why = step.graph_refusal();
  told_of_graphs_ = !why.empty();
  if (told_of_graphs_)
    report_->line(fmt::format("No CUDA graphs, steps are queued call by call: {}", why));
}

// Lines and tests that are due. False: a threshold has been reached.
bool Trainer::after_step(const Position& at, bool last) {
  const bool test_now = test_reader_ != nullptr &&
                        (every(config_.test_freq, at.iteration) ||
                         (last && (config_.test_freq > 0 ||
                                   (config_.test_at_end && at.epoch + 1 == config_.epochs))));
  const bool line_now = every(config_.print_freq, at.iteration) || last || test_now;
  // The end of a stream shows only after its last step, which may have had its line and its test by
  // then.
  if (line_now && last_line_ != iterations_) report_->train_line(at);
  if (line_now) last_line_ = iterations_;
  if (!test_now || last_test_ == iterations_) return true;
  last_test_ = iterations_;
  test(at);
  return !reached_threshold();
}

bool Trainer::reached_threshold() const {
  if (config_.accuracy_threshold > 0 && report_->best_accuracy() > config_.accuracy_threshold) {
    report_->line(fmt::format("MLPerf testing accuracy threshold {} reached, stop training",
                              config_.accuracy_threshold));
    return true;
  }
  if (config_.auc_threshold > 0 && report_->best_auc().value_or(0) > config_.auc_threshold) {
    report_->line(fmt::format("MLPerf testing auc threshold {} reached, stop training",
                              config_.auc_threshold));
    return true;
  }
  return false;
}

void Trainer::test(std::optional<Position> at) {
  Stopwatch clock;
  report_->test_started(at);
  metrics_.clear();
  test_reader_->rewind();
  for (int64_t iteration = 1; !stop_->load() && test_reader_->next(test_batch_); ++iteration) {
    test_step_->feed(test_batch_);
    test_step_->forward();
    metrics_.add(test_step_->predictions(), test_batch_.labels);
    report_->test_step(iteration, test_reader_->num_batches());
    tell_of_refused_graphs(*test_step_);
  }
  require<DataError>(metrics_.samples() > 0 || stop_->load(),
                     "[test] the test data is empty: got no sample, expected at least one");
  if (!stop_->load()) report_->test_finished(metrics_.summarize());
  seconds_.test += clock.lap();
}

std::vector<MemoryUse> Trainer::memory() const {
  std::vector<MemoryUse> all;
  for (const auto* step : {&train_step_, &test_step_}) {
    if (!step->has_value()) continue;
    for (MemoryUse use : (*step)->memory()) {
      use.purpose = (step == &train_step_ ? "training: " : "test: ") + use.purpose;
      all.push_back(use);
    }
  }
  return all;
}

}  // namespace hotrow
