#include "model/report_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

namespace hotrow {

std::string with_commas(int64_t n) {
  std::string text = fmt::format("{}", n);
  const int64_t first = n < 0 ? 1 : 0;
  for (int64_t at = std::ssize(text) - 3; at > first; at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

std::string human_bytes(int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {  // what would print as 1024.0
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string hours_minutes(double seconds) {
  const int64_t s = std::llround(std::clamp(seconds, 0.0, 1e15));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string of(int64_t done, int64_t total) {
  return total == kUnknownCount ? fmt::format("{}/?", done) : fmt::format("{}/{}", done, total);
}

std::string number_or_na(std::optional<double> x, int decimals) {
  return x ? fmt::format("{:.{}f}", *x, decimals) : "n/a";
}

std::string finished_training(const Position& at, double ms, double loss,
                              std::optional<std::time_t> wall) {
  if (std::isnan(loss)) loss = std::abs(loss);  // a NaN prints without a sign, as in Python
  std::string text = fmt::format("Finished training it {} of epoch {}, {:.2f} ms/it, loss {:.6f}",
                                 of(at.iteration, at.iterations), at.epoch, ms, loss);
  if (wall) text += fmt::format(" ({:%H:%M})", fmt::localtime(*wall));
  return text;
}

std::string testing_at(const Position& at) {
  return fmt::format("Testing at - {} of epoch {},", of(at.iteration, at.iterations), at.epoch);
}

std::string metrics_line(const Metrics& m) {
  if (!m.log_loss) {
    return fmt::format(
        " MSE {:.6f}, RMSE {:.6f}, mean prediction {:.4f}, mean label {:.4f}, {} samples", m.mse,
        std::sqrt(m.mse), m.mean_score, m.base_rate, with_commas(m.samples));
  }
  const auto base = m.base_accuracy ? std::optional(100 * *m.base_accuracy) : std::nullopt;
  return fmt::format(
      " AUC {}, log loss {:.6f}, NE {}, calibration {}, accuracy {:.3f} % "
      "(the commoner label alone: {} %), {} samples",
      number_or_na(m.auc, 6), *m.log_loss, number_or_na(m.normalized_entropy, 6),
      number_or_na(m.calibration, 4), 100 * m.accuracy, number_or_na(base, 3),
      with_commas(m.samples));
}

std::string latency_line(const InferenceLatency& l) {
  return fmt::format("  {:>10}  {:>10.4f}  {:>10.4f}  {:>10.4f}  {:>14}  {:>7}",
                     with_commas(l.batch), 1000 * l.mean, 1000 * l.p50, 1000 * l.p99,
                     with_commas(std::llround(l.samples_per_second)), with_commas(l.calls));
}

std::string memory_table(std::span<const MemoryUse> items) {
  std::string text = "\nmemory by purpose:";
  const bool gpu =
      std::ranges::any_of(items, [](const MemoryUse& m) { return m.device != Device::kCpu; });
  size_t width = std::string_view(gpu ? "total on the host" : "total").size();
  for (const MemoryUse& item : items) width = std::max(width, item.purpose.size());
  const auto row = [&](std::string_view purpose, size_t bytes) {
    text +=
        fmt::format("\n  {:<{}}  {:>10}", purpose, width, human_bytes(static_cast<int64_t>(bytes)));
  };
  const auto rows_of = [&](Device device, std::string_view total) {
    size_t sum = 0;
    for (const MemoryUse& item : items) {
      if (item.device != device) continue;
      row(item.purpose, item.bytes);
      sum += item.bytes;
    }
    row(total, sum);
  };
  if (gpu) rows_of(Device::kCuda, "total on the GPU");
  rows_of(Device::kCpu, gpu ? "total on the host" : "total");
  return text;
}

double other_seconds(const PhaseSeconds& s, double total) {
  return std::max(0.0, total - s.data - s.feed - s.step() - s.test);
}

std::string time_table(const PhaseSeconds& s, double total) {
  std::string text = fmt::format("  time         {:>10.2f} s\n", total);
  const auto row = [&](std::string_view phase, double seconds) {
    const double percent = total > 0 ? 100 * seconds / total : 0;
    text += fmt::format("    {:<10} {:>10.2f} s  {:>5.1f} %\n", phase, seconds, percent);
  };
  row("data wait", s.data);
  row("feed", s.feed);
  if (s.on_gpu) {
    row("GPU step", s.step());
  } else {
    row("forward", s.forward);
    row("backward", s.backward);
    row("update", s.update);
  }
  row("test", s.test);
  row("other", other_seconds(s, total));
  return text;
}

int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace hotrow
