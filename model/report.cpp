#include "model/report.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "kernels/core/check.h"
#include "model/report_text.h"

namespace hotrow {
namespace {

constexpr double kProgressInterval = 0.1;  // seconds

double steady_seconds() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(t).count();
}

// Characters that fit on one line of the terminal.
size_t terminal_width(std::FILE* file) {
  winsize size{};
  const bool known = ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - 1u : 79u;
}

nlohmann::json json_or_null(const std::optional<double>& x) {
  return x ? nlohmann::json(*x) : nlohmann::json(nullptr);
}

nlohmann::json json_count(int64_t n) {
  return n == kUnknownCount ? nlohmann::json(nullptr) : nlohmann::json(n);
}

nlohmann::json to_json(const Metrics& m) {
  return {{"samples", m.samples},
          {"accuracy", m.accuracy},
          {"base_rate", m.base_rate},
          {"base_accuracy", json_or_null(m.base_accuracy)},
          {"auc", json_or_null(m.auc)},
          {"mse", m.mse},
          {"log_loss", json_or_null(m.log_loss)},
          {"normalized_entropy", json_or_null(m.normalized_entropy)},
          {"calibration", json_or_null(m.calibration)},
          {"average_precision", json_or_null(m.average_precision)},
          {"precision", json_or_null(m.precision)},
          {"recall", json_or_null(m.recall)},
          {"f1", json_or_null(m.f1)},
          {"constant_scores", m.constant_scores}};
}

nlohmann::json to_json(const PhaseSeconds& s, double total) {
  nlohmann::json seconds = {{"total", total},
                            {"data", s.data},
                            {"feed", s.feed},
                            {"test", s.test},
                            {"other", other_seconds(s, total)}};
  if (s.on_gpu) {
    seconds["gpu_step"] = s.step();
  } else {
    seconds.update({{"forward", s.forward}, {"backward", s.backward}, {"update", s.update}});
  }
  return seconds;
}

}  // namespace

bool is_terminal(std::FILE* file) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(file)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

Report::Report(ReportConfig config) : config_(std::move(config)) {
  if (!config_.now) config_.now = steady_seconds;
  start_ = config_.now();
  if (config_.json_log.empty()) return;
  errno = 0;
  json_.open(config_.json_log);
  require<DataError>(json_.is_open(),
                     "[--json-log] cannot create the file: got '{}' ({}), expected "
                     "a name in a folder that can be written",
                     config_.json_log, std::strerror(errno));
}

// An error text that follows starts on a line of its own.
Report::~Report() { clear_progress(); }

void Report::line(std::string_view text) { print(text); }

void Report::config(Settings settings) {
  nlohmann::json flags = nlohmann::json::object();
  for (const auto& [name, value] : settings) flags[name] = value;
  log({{"event", "config"}, {"flags", std::move(flags)}});
}

void Report::preparing(std::string_view what, double fraction) {
  show_progress([&] { return fmt::format("{}: {:.0f} %", what, 100 * fraction); });
}

void Report::memory(std::span<const MemoryUse> items) {
  print(memory_table(items));
  nlohmann::json bytes = nlohmann::json::object();
  for (const MemoryUse& item : items) bytes[item.purpose] = item.bytes;
  log({{"event", "memory"}, {"bytes", std::move(bytes)}});
}

void Report::started() {
  print("time/loss/accuracy (if enabled):");
  start_ = config_.now();
}

void Report::step(const Position& at, int64_t rows, double loss, double seconds) {
  ++steps_;
  samples_ += rows;
  ++window_steps_;
  window_samples_ += rows;
  window_loss_ += loss * static_cast<double>(rows);
  window_seconds_ += seconds;
  show_progress([&] { return progress(at); });
}

void Report::train_line(const Position& at) {
  require(window_samples_ > 0,
          "[Report::train_line] there is nothing to print: got 0 samples since the last line, "
          "expected at least 1");
  const double loss = window_loss_ / static_cast<double>(window_samples_);
  const double ms = 1000 * window_seconds_ / static_cast<double>(window_steps_);
  print(finished_training(at, config_.print_time ? ms : -1, loss,
                          config_.print_wall_time ? std::time(nullptr) : std::optional<time_t>{}));
  log({{"event", "train"},
       {"epoch", at.epoch},
       {"iteration", at.iteration},
       {"iterations", json_count(at.iterations)},
       {"loss", loss},
       {"ms_per_iteration", ms},
       {"samples", samples_},
       {"samples_per_second", samples_per_second()}});
  last_loss_ = loss;
  window_steps_ = window_samples_ = 0;
  window_loss_ = window_seconds_ = 0;
}

void Report::test_started(std::optional<Position> at) {
  test_at_ = at;
  test_start_ = config_.now();
  print(at ? testing_at(*at) : "Testing for inference only");
}

void Report::test_step(int64_t iteration, int64_t iterations) {
  show_progress([&] { return fmt::format("testing {}", of(iteration, iterations)); });
}

bool Report::test_finished(const Metrics& metrics) {
  const double seconds = config_.now() - test_start_;
  test_seconds_ += seconds;
  const bool best = !best_accuracy_ || metrics.accuracy > *best_accuracy_;
  if (best) best_accuracy_ = metrics.accuracy;
  if (metrics.auc && (!best_auc_ || *metrics.auc > *best_auc_)) best_auc_ = metrics.auc;
  last_metrics_ = metrics;
  print(fmt::format(" accuracy {:3.3f} %, best {:3.3f} %", 100 * metrics.accuracy,
                    100 * *best_accuracy_));
  print(metrics_line(metrics));
  if (metrics.constant_scores) print(kConstantScores);

  nlohmann::json event = to_json(metrics);
  event["event"] = "test";
  event["epoch"] = test_at_ ? nlohmann::json(test_at_->epoch) : nlohmann::json(nullptr);
  event["iteration"] = test_at_ ? nlohmann::json(test_at_->iteration) : nlohmann::json(nullptr);
  event["best_accuracy"] = *best_accuracy_;
  event["best_auc"] = json_or_null(best_auc_);
  event["seconds"] = seconds;
  log(event);
  return best;
}

void Report::inference_started() {
  print(kLatencyHead);
  start_ = config_.now();
}

void Report::inference(const InferenceLatency& l) {
  print(latency_line(l));
  log({{"event", "inference_benchmark"},
       {"batch", l.batch},
       {"calls", l.calls},
       {"mean_ms", 1000 * l.mean},
       {"p50_ms", 1000 * l.p50},
       {"p99_ms", 1000 * l.p99},
       {"samples_per_second", l.samples_per_second}});
}

void Report::finished(const PhaseSeconds& seconds, bool interrupted) {
  const double total = config_.now() - start_;
  print(summary(seconds, total, interrupted));
  log({{"event", "summary"},
       {"interrupted", interrupted},
       {"iterations", steps_},
       {"samples", samples_},
       {"samples_per_second", samples_per_second()},
       {"seconds", to_json(seconds, total)},
       {"peak_memory_bytes", peak_memory_bytes()},
       {"best_accuracy", json_or_null(best_accuracy_)},
       {"best_auc", json_or_null(best_auc_)},
       {"test", last_metrics_ ? to_json(*last_metrics_) : nlohmann::json(nullptr)}});
  require<DataError>(!json_.fail(),
                     "[--json-log] writing failed: got an error on '{}', expected all events in it "
                     "(is the disk full?)",
                     config_.json_log);
}

std::string Report::summary(const PhaseSeconds& seconds, double total, bool interrupted) const {
  std::string text = interrupted ? "\nsummary (interrupted)\n" : "\nsummary\n";
  text += time_table(seconds, total);
  if (steps_ > 0) {
    text += fmt::format("  trained       {} samples in {} iterations, {} samples/s\n",
                        with_commas(samples_), with_commas(steps_),
                        with_commas(std::llround(samples_per_second())));
  }
  text += fmt::format("  peak memory   {}", human_bytes(peak_memory_bytes()));
  if (last_metrics_) {
    text += fmt::format("\n  last test    {}\n  best test     AUC {}, accuracy {:.3f} %",
                        metrics_line(*last_metrics_), number_or_na(best_auc_, 6),
                        100 * *best_accuracy_);
  }
  return text;
}

std::string Report::progress(const Position& at) const {
  const double loss = window_samples_ > 0 ? window_loss_ / static_cast<double>(window_samples_)
                                          : last_loss_.value_or(0);
  std::string eta = "?";
  if (at.iterations != kUnknownCount) {
    // In double: the product of two flags need not fit an integer.
    const double left =
        static_cast<double>(config_.epochs - at.epoch) * static_cast<double>(at.iterations) -
        static_cast<double>(at.iteration);
    eta = hours_minutes(training_seconds() / static_cast<double>(steps_) * left);
  }
  return fmt::format("epoch {}/{}  it {}  {} samples/s  loss {:.6f}  ETA {}", at.epoch + 1,
                     config_.epochs, of(at.iteration, at.iterations),
                     with_commas(std::llround(samples_per_second())), loss, eta);
}

double Report::training_seconds() const { return config_.now() - start_ - test_seconds_; }

double Report::samples_per_second() const {
  const double seconds = training_seconds();
  return seconds > 0 ? static_cast<double>(samples_) / seconds : 0;
}

void Report::show_progress(const std::function<std::string()>& text) {
  if (!config_.terminal) return;
  const double now = config_.now();
  if (now < next_progress_) return;
  next_progress_ = now + kProgressInterval;
  fmt::print(config_.out, "\r{}\x1b[K", text().substr(0, terminal_width(config_.out)));
  std::fflush(config_.out);
  progress_shown_ = true;
}

void Report::clear_progress() {
  if (!progress_shown_) return;
  fmt::print(config_.out, "\r\x1b[K");
  std::fflush(config_.out);
  progress_shown_ = false;
}

void Report::print(std::string_view text) {
  clear_progress();
  fmt::print(config_.out, "{}\n", text);
  std::fflush(config_.out);
}

void Report::log(const nlohmann::json& event) {
  // A file name need not be UTF-8, JSON must be.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  if (json_.is_open()) json_ << event.dump(-1, ' ', false, kReplace) << std::endl;
}

}  // namespace hotrow
