// How often production tables' rows are accessed within a batch: histograms as Meta published them
// with its embedding traces of 2022 (788 tables, batches of 131,072 samples).
//
//   ..._t788_bs131072_0.pt            tables and samples
//   Avg # of indices: N               accesses of all tables
//   Avg # of unique cols: N           rows that are accessed
//   Histogram of col sizes:           share of those rows, by accesses of a row:
//   (LOW, HIGH]: SHARE                  more than LOW, at most HIGH; last "(LOW+: SHARE"
//   Ratio of index distribution at different column sizes:
//   (LOW, HIGH]: SHARE                share of the accesses that go to such rows
//
// Several such blocks are averaged. Other lines are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hotrow {

// Rows that are about equally popular.
struct PopularityClass {
  double rows = 0;      // share of the rows, all classes together 1
  double accesses = 0;  // share of the accesses, likewise
};

struct Locality {
  double mean_pooling = 0;               // accesses of a sample and table; there is no histogram
  std::vector<PopularityClass> classes;  // the most popular first
};

// Shares of rows that three digits round to nothing are taken from the accesses: rows of (LOW,
// HIGH] are taken to have 1.5 LOW accesses each. DataError with file and line: no block, a number
// that is none, shares that do not sum to about 1.
Locality parse_locality(std::string_view text, std::string_view file);
Locality read_locality(const std::string& path);

}  // namespace hotrow
