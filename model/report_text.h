// The texts of model/report.h, as pure functions.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/metrics.h"
#include "model/report.h"

namespace hotrow {

// 1234567 -> "1,234,567".
std::string with_commas(int64_t n);
// 1536 -> "1.5 KiB"; below 1024 in whole bytes.
std::string human_bytes(int64_t bytes);
// 3723.4 -> "1:02:03", 62 -> "1:02".
std::string hours_minutes(double seconds);
// "3/8", or "3/?" where the total is kUnknownCount.
std::string of(int64_t done, int64_t total);
// Fixed decimals, or "n/a".
std::string number_or_na(std::optional<double> x, int decimals);

// The reference's lines, without a newline. `ms` is printed as it is; `wall` adds " (HH:MM)" in
// local time.
std::string finished_training(const Position& at, double ms, double loss,
                              std::optional<std::time_t> wall);
std::string testing_at(const Position& at);

// " AUC 0.767400, log loss 0.452310, NE 0.812300, calibration 1.0120, accuracy 78.123 % (the
// commoner label alone: 74.500 %), 16,000 samples"; "n/a" for what is undefined. Of labels outside
// [0, 1] " MSE 1.234567, RMSE 1.111111, mean prediction 0.9871, mean label 3.5123, 16,000 samples".
std::string metrics_line(const Metrics& m);
inline constexpr std::string_view kConstantScores =
    " warning: every test sample got the same prediction: the model has learned nothing about "
    "single "
    "samples (a learning rate out of scale?)";

// A table of latencies in milliseconds.
inline constexpr std::string_view kLatencyHead =
    "Benchmarking inference\n  batch size     mean ms      p50 ms      p99 ms       samples/s    "
    "calls";
std::string latency_line(const InferenceLatency& l);

// Purposes, bytes and their sum, a line each, after a blank line; no newline at the end. Memory of
// a GPU and of the host apart, with a sum each.
std::string memory_table(std::span<const MemoryUse> items);
// Seconds and percent of the total, a line each, newline at the end of each.
std::string time_table(const PhaseSeconds& seconds, double total);
double other_seconds(const PhaseSeconds& seconds, double total);

}  // namespace hotrow
