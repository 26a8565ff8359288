// How a data set uses embedding tables: hot rows, rows of a batch, pooling, reuse, and what a cache
// would hold.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/rows.h"

namespace hotrow {

struct AccessConfig {
  int64_t batch_size = 2048;
  // Parts of a table's rows that a cache holds, each in (0, 1].
  std::vector<double> shares = {0.001, 0.01, 0.1};
  // Stack distances are measured over the first so many accesses of each table: they are exact
  // there, and cost the most time of all. 0: over all of them.
  int64_t distance_accesses = 10'000'000;
};

struct TableAccesses {
  std::string name;
  int64_t rows = 0;  // its cardinality, or, where that is not known, the rows that occur
  int64_t accesses = 0;
  int64_t unique_rows = 0;
  double unique_per_batch = 0;  // rows that a whole batch accesses, the mean; a short last one only
                                // where there is no other
  int64_t bags = 0, empty_bags = 0, longest_bag = 0;
  // Bag sizes and stack distances by size: place 0 counts 0, place k counts 2^(k-1) to 2^k - 1.
  // Stack distance 0 is a first access, 1 the same row at once again.
  std::vector<int64_t> pooling, distances;
  int64_t measured = 0;  // accesses with a stack distance or a first access
  // One for each of AccessConfig::shares, of ceil(share * rows) rows:
  std::vector<double> hottest;  // share of the accesses that go to the most accessed rows: the hits
                                // of a cache that holds those and never changes
  std::vector<double> lru;      // share of the measured accesses that hit an LRU cache which starts
                                // empty

  double mean_pooling() const {
    return bags > 0 ? static_cast<double>(accesses) / static_cast<double>(bags) : 0;
  }
};

// Memory: about 100 bytes a row that occurs. Counts are exact; the result depends on the samples
// and their order alone, not on how they are cut into blocks. Source: own derivation.
class AccessStats {
 public:
  // InvalidArgument: a batch below 1, a share outside (0, 1].
  AccessStats(const Schema& schema, AccessConfig config);
  ~AccessStats();

  void add(const Rows& rows);
  // Of the samples so far: one a table.
  std::vector<TableAccesses> tables() const;
  // All tables as one of all their rows, which share one cache: the most accessed rows of all
  // tables together (FAE's choice); no LRU.
  TableAccesses together() const;

 private:
  class Table;

  AccessConfig config_;
  std::vector<Table> tables_;
  int64_t row_ = 0;
};

}  // namespace hotrow
