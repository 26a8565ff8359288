// What the columns of a data set look like: one pass, any format.
#pragma once

#include <cstdint>
#include <vector>

#include "data/raw_rows.h"
#include "data/rows.h"
#include "data/vocabulary.h"

namespace hotrow {

struct LabelStats {
  double mean = 0, min = 0, max = 0;  // 0 without samples; of labels 0 and 1 the click rate
  int64_t others = 0;                 // labels that are neither 0 nor 1
};

struct NumericalStats {
  int64_t missing = 0;
  double min = 0, max = 0, mean = 0;  // of those that are not missing; 0 without any
};

struct CategoricalStats {
  int64_t missing =
      0;  // samples without a value; of texts and hashes also with the value 0, which is none
  int64_t values = 0;  // of all samples
  int64_t most_of_a_sample = 0;
  int64_t distinct = 0;
  int64_t max_id = -1;                        // of ids; -1: none
  double entropy = 0;                         // bits a value
  std::vector<VocabularyCounter::Entry> top;  // the most frequent, ties by first occurrence
};

// Memory: 32 bytes a distinct value. Its columns are counted on all threads, with the same result
// for any number of them.
class DataStats {
 public:
  static constexpr size_t kTop = 5;

  explicit DataStats(const Schema& schema);

  void add(const Rows& rows);
  void add(const RawRows& rows);

  int64_t rows() const { return rows_; }
  LabelStats label() const;
  NumericalStats numerical(size_t column) const;
  CategoricalStats categorical(size_t column) const;

 private:
  struct Number {
    int64_t missing = 0, count = 0;
    double min = 0, max = 0, sum = 0;
  };
  struct Bag {
    bool zero_is_missing = false;
    int64_t missing = 0, values = 0, most = 0, max_id = -1;
  };

  template <class Labels>
  void add_labels(const Labels& labels);
  template <class Block, class Values>
  void add_block(const Block& block, Values&& values);

  size_t num_dense_;
  int64_t rows_ = 0;
  LabelStats label_;  // its mean is still the sum
  std::vector<Number> numbers_;
  std::vector<Bag> bags_;
  VocabularyCounter counter_;
};

}  // namespace hotrow
