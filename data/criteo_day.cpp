#include "data/criteo_day.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

#include "data/criteo_line.h"
#include "data/npz.h"
#include "data/npz_integers.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr const char* kMadeWith = "made_with";
constexpr int64_t kInt32End = int64_t{1} << 31;

void next_line(std::string_view& line, LineReader& text, int64_t wanted_more) {
  require<DataError>(
      text.next(line),
      "[{}:{}] the file ends too early: got no line, expected {} more (it was counted "
      "before; did it change?)",
      text.file(), text.line_number() + 1, wanted_more);
}

void append(CriteoDay& day, const CriteoRow& row, const CriteoLine& line, int64_t max_ind_range) {
  day.labels.push_back(row.label);
  day.dense.insert(day.dense.end(), row.dense.begin(), row.dense.end());
  for (std::string_view field : row.categorical) {
    int64_t value = parse_criteo_hex(field, line);
    if (max_ind_range > 0) value %= max_ind_range;
    // From 2^31 on the reference's int32 turns negative.
    day.categorical.push_back(static_cast<int32_t>(static_cast<uint32_t>(value)));
  }
}

std::array<double, 3> as_array(const DayRules& rules) {
  return {static_cast<double>(rules.max_ind_range > 0 ? rules.max_ind_range : -1),
          rules.sub_sample_rate, static_cast<double>(rules.raw_bytes)};
}

}  // namespace

void CriteoDay::reserve(int64_t lines) {
  const auto n = static_cast<size_t>(lines);
  labels.reserve(n);
  dense.reserve(n * kCriteoDense);
  categorical.reserve(n * kCriteoTables);
}

void parse_criteo_day(CriteoDay& day, LineReader& text, int64_t lines, const DayRules& rules,
                      NumpyRandom& stream, const std::function<void(std::string_view)>& copy) {
  CriteoRow row(kCriteoDense, kCriteoTables);
  std::string_view bytes;
  for (int64_t i = 0; i < lines; ++i) {
    next_line(bytes, text, lines - i);
    const CriteoLine line{text.file(), text.line_number(), bytes};
    parse_criteo_line(row, line);
    if (copy) copy(bytes);
    const double u = rules.sub_sample_rate > 0 ? stream.uniform() : 1.0;
    if (row.label == 0 && u < rules.sub_sample_rate) continue;
    append(day, row, line, rules.max_ind_range);
  }
}

void skip_criteo_day(LineReader& text, int64_t lines, const DayRules& rules, NumpyRandom& stream) {
  std::string_view line;
  for (int64_t i = 0; i < lines; ++i) {
    next_line(line, text, lines - i);
    if (rules.sub_sample_rate > 0) stream.uniform();
  }
}

void write_criteo_day(const std::string& path, const CriteoDay& day, const DayRules& rules,
                      const FileProgress& progress) {
  const int64_t rows = day.rows();
  const std::array<double, 3> made_with = as_array(rules);
  NpyHeader transposed = npy_header<int32_t>({kCriteoTables, rows});
  transposed.fortran_order = true;
  NpzWriter npz(path);
  npz.add("X_int", std::span(std::as_const(day.dense)), {rows, kCriteoDense});
  npz.add("X_cat_t", transposed, std::as_bytes(std::span(day.categorical)));
  npz.add("y", std::span(std::as_const(day.labels)), {rows});
  npz.add(kMadeWith, std::span<const double>(made_with), {std::ssize(made_with)});
  npz.finish(progress);
}

CriteoDay read_criteo_day(const std::string& path) {
  const std::vector<int64_t> label_end = {2};
  const std::vector<int64_t> dense_end(kCriteoDense, kInt32End);
  const std::vector<int64_t> table_end(kCriteoTables, kInt32End);
  const NpzReader npz(path);
  IntegerMatrix labels = read_integer_matrix(npz, "y", {0, label_end});
  IntegerMatrix dense = read_integer_matrix(npz, "X_int", {-kInt32End, dense_end});
  IntegerMatrix categorical =
      read_integer_matrix(npz, "X_cat_t", {-kInt32End, table_end}, SampleAxis::kLast);
  require<DataError>(labels.columns == 1, "[{}: array 'y'] labels a sample: got {}, expected 1",
                     path, labels.columns);
  require<DataError>(dense.samples == labels.samples && categorical.samples == labels.samples,
                     "[{}] arrays of different lengths: got {} dense and {} categorical samples, "
                     "expected {} as y has",
                     path, dense.samples, categorical.samples, labels.samples);
  return {std::move(labels.values), std::move(dense.values), std::move(categorical.values)};
}

bool criteo_day_fits(const std::string& path, const DayRules& rules) {
  if (!std::filesystem::exists(path)) return false;
  const NpzReader npz(path);
  if (!npz.contains(kMadeWith)) return true;
  const std::vector<double> found = npz.read(kMadeWith).cast<double>();
  std::array<double, 3> wanted = as_array(rules);
  if (found.size() != wanted.size()) return false;
  if (rules.raw_bytes < 0) wanted[2] = found[2];
  return std::equal(wanted.begin(), wanted.end(), found.begin());
}

}  // namespace hotrow
