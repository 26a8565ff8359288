// Everything that a training run tells a person (standard output) and a program (JSON lines).
//
// The lines of the reference are printed in its words; ours stand between them and never look like
// one of them. On a terminal one more line, rewritten in place at most ten times a second, shows
// where training is; in a file there are plain lines only. Lines that belong to another block start
// after a blank line, so that a block of printed parameters ends at a blank line.
//
// A run calls, in this order:
//   config, preparing (any number of times), memory, started,
//   for each iteration: step, then train_line where --print-freq or a test asks for it,
//     for each test pass: test_started, test_finished,
//   or inference_started, then inference for each batch size,
//   finished (once, also after Ctrl-C).
#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/arena.h"
#include "model/metrics.h"

namespace hotrow {

// Seconds of a whole run by what they went into; what is left of the total is named "other".
struct PhaseSeconds {
  double data = 0;  // training waited for the next batch
  double feed = 0;  // batches were checked and copied into the step
  double forward = 0, backward = 0, update = 0, test = 0;
  // Host and GPU work beside each other: what it takes to queue the three passes and to wait for
  // them is told as one sum.
  bool on_gpu = false;

  double step() const { return forward + backward + update; }
};

// Largest resident memory of this process so far, in bytes; 0 where the system does not say.
int64_t peak_memory_bytes();

struct ReportConfig {
  std::FILE* out = stdout;
  bool terminal = false;  // rewrite a progress line in place; see is_terminal
  bool print_time = false;
  bool print_wall_time = false;
  std::string json_log;  // file name, empty: none
  int64_t epochs = 1;
  std::function<double()> now;  // seconds on a clock that never goes back; empty: the steady clock
};

// True if `file` is a terminal that understands "clear to the end of the line".
bool is_terminal(std::FILE* file);

// Iteration `iteration` (from 1) of `iterations` (kUnknownCount: not known yet) in epoch `epoch`
// (from 0).
inline constexpr int64_t kUnknownCount = -1;
struct Position {
  int64_t iteration = 0, iterations = kUnknownCount, epoch = 0;
};

// What timing batches of one size gave; times in seconds.
struct InferenceLatency {
  int64_t batch = 0, calls = 0;
  double mean = 0, p50 = 0, p99 = 0;
  double samples_per_second = 0;
};

class Report {
 public:
  using Settings = std::span<const std::pair<std::string, std::string>>;

  // Throws DataError if the JSON file cannot be created.
  explicit Report(ReportConfig config);
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  // One line of text as it is, for all that has no function of its own here ("Using CPU...").
  void line(std::string_view text);
  // Name and value of every flag; to the JSON log only.
  void config(Settings settings);
  // What is being done before training and the share of it that is behind, in [0, 1]; to the
  // progress line only.
  void preparing(std::string_view what, double fraction);
  // The table of memory by purpose, with its sum.
  void memory(std::span<const MemoryUse> items);
  // "time/loss/accuracy (if enabled):"; the clock of samples/s and ETA starts here.
  void started();

  // One iteration is done: `rows` samples, their mean loss, seconds of forward to update; on a GPU
  // of feed to update, as the feed runs beside the update before.
  void step(const Position& at, int64_t rows, double loss, double seconds);
  // "Finished training it 3/8 of epoch 0, -1.00 ms/it, loss 0.049903": mean over the samples since
  // the last such line. Requires a step since then.
  void train_line(const Position& at);

  // "Testing at - 3/8 of epoch 0,"; a test outside of training prints "Testing for inference only".
  void test_started(std::optional<Position> at);
  // Where a test pass stands, for the progress line.
  void test_step(int64_t iteration, int64_t iterations);
  // " accuracy 53.125 %, best 53.125 %", then a line of ours with AUC and the rest. True if this
  // pass has the best accuracy so far (the first one always has).
  bool test_finished(const Metrics& metrics);
  // The head of a table of latencies, and its lines.
  void inference_started();
  void inference(const InferenceLatency& latency);
  double best_accuracy() const { return best_accuracy_.value_or(0); }
  // Best AUC so far; absent before the first pass that has one.
  std::optional<double> best_auc() const { return best_auc_; }

  // The summary; `interrupted` says that the user stopped the run. Throws DataError if a part of
  // the JSON log could not be written.
  void finished(const PhaseSeconds& seconds, bool interrupted);

 private:
  // Rewrites the progress line if there is a terminal and it is time; `text` is called only then.
  void show_progress(const std::function<std::string()>& text);
  void clear_progress();
  void print(std::string_view text);
  void log(const nlohmann::json& event);
  std::string progress(const Position& at) const;
  std::string summary(const PhaseSeconds& seconds, double total, bool interrupted) const;
  double training_seconds() const;
  double samples_per_second() const;

  ReportConfig config_;
  std::ofstream json_;
  bool progress_shown_ = false;
  double next_progress_ = 0;  // time of now() before which the progress line stays

  double start_ = 0, test_start_ = 0, test_seconds_ = 0;
  int64_t steps_ = 0, samples_ = 0;  // of the run
  // Since the last train_line.
  int64_t window_steps_ = 0, window_samples_ = 0;
  double window_loss_ = 0, window_seconds_ = 0;
  std::optional<double> last_loss_;  // of the last train_line

  std::optional<Position> test_at_;
  std::optional<double> best_accuracy_, best_auc_;
  std::optional<Metrics> last_metrics_;
};

}  // namespace hotrow
