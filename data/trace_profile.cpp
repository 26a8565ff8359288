#include "data/trace_profile.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "data/binary_file.h"
#include "data/first_seen_ids.h"
#include "data/number_lines.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

std::vector<int64_t> read_binary_trace(const std::string& path) {
  const BinaryInput file(path);
  constexpr auto kBytes = static_cast<int64_t>(sizeof(uint64_t));
  require<DataError>(file.size() > 0 && file.size() % kBytes == 0,
                     "[{}] bad length: got {} bytes, expected a multiple of {}, one at least", path,
                     file.size(), kBytes);
  std::vector<int64_t> trace(static_cast<size_t>(file.size() / kBytes));
  file.read(0, std::as_writable_bytes(std::span(trace)));
  for (size_t i = 0; i < trace.size(); ++i) {
    require<DataError>(trace[i] >= 0, "[{}] access {}: got id {}, expected one below 2^63", path, i,
                       static_cast<uint64_t>(trace[i]));
  }
  return trace;
}

// Python's repr: the shortest text that reads back as x, with a point in it.
std::string python_text(double x) {
  std::string text = fmt::format("{}", x);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}
std::string python_text(int64_t x) { return fmt::to_string(x); }

template <class T>
std::string python_list(const std::vector<T>& values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) text += (i > 0 ? ", " : "") + python_text(values[i]);
  return text;
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  BinaryOutput file(path);
  file.write(bytes);
  file.close();
  file.publish();
}

}  // namespace

std::vector<int64_t> read_trace(const std::string& path, bool binary) {
  if (binary) return read_binary_trace(path);
  NumberLines lines(path, "access trace");
  std::vector<int64_t> trace = lines.next<int64_t>("ids");
  for (size_t i = 0; i < trace.size(); ++i) {
    if (trace[i] < 0) lines.fail(i, fmt::to_string(trace[i]), "an id of at least 0");
  }
  require<DataError>(lines.at_end(), "[{}:2:1] bad access trace: got a second line, expected one",
                     path);
  return trace;
}

void write_trace(const std::string& path, const std::vector<int64_t>& trace, bool binary) {
  if (binary) return write_file(path, std::as_bytes(std::span(trace)));
  const std::string text = python_list(trace);
  write_file(path, std::as_bytes(std::span(text)));
}

TraceDistribution profile_trace(const std::vector<int64_t>& trace, bool padding) {
  require(!trace.empty(), "[trace profile] trace: got no access, expected one at least");
  BasicFirstSeenIds<int64_t> ids;
  StackDistances distances;
  std::map<int64_t, int64_t> counts;
  for (int64_t id : trace) ++counts[distances.access(static_cast<size_t>(ids.id_of(id)))];

  auto all = static_cast<int64_t>(trace.size());
  const int64_t largest = counts.rbegin()->first;
  if (padding && largest > 0) {
    const int64_t added = (all + largest - 1) / largest;
    counts[0] += added;
    all += added;
  }
  TraceDistribution distribution;
  distribution.ids.assign(ids.values().begin(), ids.values().end());
  double sum = 0;
  for (const auto& [distance, count] : counts) {
    sum += static_cast<double>(count) / static_cast<double>(all);
    distribution.distances.push_back(distance);
    distribution.probabilities.push_back(sum);
  }
  return distribution;
}

void write_trace_distribution(const std::string& path, const TraceDistribution& distribution) {
  const std::string text = python_list(distribution.ids) + '\n' +
                           python_list(distribution.distances) + '\n' +
                           python_list(distribution.probabilities) + '\n';
  write_file(path, std::as_bytes(std::span(text)));
}

TraceGenerator::TraceGenerator(TraceDistribution distribution, bool padding)
    : distribution_(std::move(distribution)),
      padding_(padding),
      list_(static_cast<int64_t>(distribution_.ids.size())) {}

int64_t TraceGenerator::next(NumpyRandom& random) {
  const int64_t distance = draw_trace_distance(distribution_, new_ids_, padding_, random.uniform());
  if (distance == 0) ++new_ids_;
  const int64_t place = list_.touch(distance == 0 ? 0 : list_.size() - distance);
  return distribution_.ids[static_cast<size_t>(place)];
}

}  // namespace hotrow
