#include "data/row_checker.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace hotrow {
namespace {

constexpr size_t kShown = 10;

// Whether training's type holds it.
bool is_float(double x) { return std::abs(x) <= std::numeric_limits<float>::max(); }

std::string place_of(const Rows& rows, size_t b) {
  return fmt::format("{}: row {}", rows.source, rows.first_row + static_cast<int64_t>(b));
}
std::string place_of(const RawRows& rows, size_t b) {
  return fmt::format("{}:{}", rows.source, rows.line_of(static_cast<int64_t>(b)));
}

}  // namespace

void RowChecker::note(const std::string& place, const std::string& column,
                      const std::string& what) {
  ++total_;
  if (first_.size() == kShown) return;
  first_.push_back(fmt::format("[{}, column {}] {}", place, column, what));
}

template <class Block>
void RowChecker::check_numbers(const Block& rows) {
  for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
    const double label = rows.labels[b];
    if (label != 0 && label != 1 && (labels_ == Labels::kZeroOrOne || !is_float(label))) {
      note(place_of(rows, b), schema_.label.name,
           fmt::format("label: got {}, expected {}", label,
                       labels_ == Labels::kZeroOrOne ? "0 or 1" : "a number that float32 holds"));
    }
    for (size_t j = 0; j < schema_.num_dense(); ++j) {
      const double x = rows.dense[b * schema_.num_dense() + j];
      if (std::isnan(x) || is_float(x)) continue;
      note(place_of(rows, b), schema_.numerical[j].name,
           fmt::format("number: got {}, expected one that float32 holds, or none", x));
    }
  }
}

void RowChecker::check_bags(const Rows& rows, size_t table) {
  const CategoricalColumn& column = schema_.categorical[table];
  const auto& [offsets, ids] = rows.sparse[table];
  for (size_t b = 0; b < static_cast<size_t>(rows.rows); ++b) {
    const int64_t size = offsets[b + 1] - offsets[b];
    if (size > column.hotness || (column.fixed_hotness && size != column.hotness)) {
      note(place_of(rows, b), column.name,
           fmt::format("ids of a sample: got {}, expected {}{}", size,
                       column.fixed_hotness ? "" : "at most ", column.hotness));
    }
    for (int64_t k = offsets[b]; k < offsets[b + 1]; ++k) {
      const int64_t id = ids[static_cast<size_t>(k)];
      if (id >= 0 && (column.cardinality == 0 || id < column.cardinality)) continue;
      note(place_of(rows, b), column.name,
           column.cardinality == 0
               ? fmt::format("id: got {}, expected at least 0", id)
               : fmt::format("id: got {}, expected at least 0 and below the cardinality {}", id,
                             column.cardinality));
    }
  }
}

void RowChecker::add(const Rows& rows) {
  rows_ += rows.rows;
  check_numbers(rows);
  for (size_t t = 0; t < schema_.num_tables(); ++t) check_bags(rows, t);
}

void RowChecker::add(const RawRows& rows) {
  rows_ += rows.rows;
  check_numbers(rows);
}

}  // namespace hotrow
