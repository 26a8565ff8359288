// Whether samples are what training takes: its labels, ids below the cardinalities, as many in a
// sample as there may be, numbers that float32 holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/raw_rows.h"
#include "data/rows.h"

namespace hotrow {

class RowChecker {
 public:
  explicit RowChecker(const Schema& schema, Labels labels = Labels::kZeroOrOne)
      : schema_(schema), labels_(labels) {}

  void add(const Rows& rows);
  // Labels and numbers: values that have no ids yet cannot be wrong.
  void add(const RawRows& rows);

  int64_t rows() const { return rows_; }
  int64_t total() const { return total_; }  // of problems
  // The first few: "[file: row 7, column C3] id: got 12, expected at least 0 and below 10", where
  // rows count from 0, and of text "[file:8, column I2] number: got ...".
  const std::vector<std::string>& first() const { return first_; }

 private:
  template <class Block>
  void check_numbers(const Block& rows);
  void check_bags(const Rows& rows, size_t table);
  void note(const std::string& place, const std::string& column, const std::string& what);

  const Schema& schema_;
  Labels labels_;
  int64_t rows_ = 0, total_ = 0;
  std::vector<std::string> first_;
};

}  // namespace hotrow
