#include "data/criteo_day.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <limits>

#include "data/npz.h"
#include "data/npz_integers.h"
#include "data/text_layout.h"
#include "data/text_parser.h"
#include "data/text_schema.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

constexpr const char* kMadeWith = "made_with";
constexpr int64_t kInt32End = int64_t{1} << 31;
constexpr size_t kPieceBytes = size_t{256} << 10;  // of text that is parsed at once

void next_line(std::string_view& line, LineReader& text, int64_t wanted_more) {
  require<DataError>(
      text.next(line),
      "[{}:{}] the file ends too early: got no line, expected {} more (it was counted "
      "before; did it change?)",
      text.file(), text.line_number() + 1, wanted_more);
}

// Fills `piece` with the next lines, at most `most`; gives their number.
int64_t take_lines(TextPiece& piece, LineReader& text, int64_t most) {
  piece.text.clear();
  piece.first_line = text.line_number() + 1;
  int64_t lines = 0;
  for (std::string_view line; lines < most && piece.text.size() < kPieceBytes; ++lines) {
    next_line(line, text, most - lines);
    piece.text.insert(piece.text.end(), line.begin(), line.end());
    piece.text.push_back('\n');
  }
  return lines;
}

// From 2^31 on the reference's int32 turns negative.
int32_t category_of(uint64_t key, int64_t max_ind_range) {
  if (max_ind_range > 0) key %= static_cast<uint64_t>(max_ind_range);
  return static_cast<int32_t>(static_cast<uint32_t>(key));
}

void append(CriteoDay& day, const RawRows& rows, const DayRules& rules, NumpyRandom& stream) {
  for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
    const double u = rules.sub_sample_rate > 0 ? stream.uniform() : 1.0;
    if (rows.labels[b] == 0 && u < rules.sub_sample_rate) continue;
    day.labels.push_back(static_cast<int32_t>(rows.labels[b]));
    for (size_t j = 0; j < kCriteoDense; ++j) {
      const double x = rows.dense[b * kCriteoDense + j];
      day.dense.push_back(std::isnan(x) ? 0 : static_cast<int32_t>(x));
    }
    for (const RawFeature& feature : rows.sparse) {
      day.categorical.push_back(category_of(feature.keys[b], rules.max_ind_range));
    }
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
  const TextSchema schema = criteo_text_schema(kCriteoDense, kCriteoTables);
  const TextLayout layout = lay_out(schema, text.file(), "");
  TextPiece piece;
  RawRows rows;
  while (lines > 0) {
    lines -= take_lines(piece, text, lines);
    parse_text(rows, layout, text.file(), piece);
    if (!rows.bad.empty()) throw DataError(rows.bad.front().text);
    if (copy) copy({piece.text.data(), piece.text.size()});
    append(day, rows, rules, stream);
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
