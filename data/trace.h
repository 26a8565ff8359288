// Ids with the temporal locality of a recorded access trace: --data-generation=synthetic.
//
// A distribution file describes one table's trace in three lines of ", "-separated numbers:
//   unique ids in the order of their first access
//   stack distances that occur, ascending; 0 is a first access
//   their cumulative probabilities
// Bags are drawn by the LRU stack model (R. Hassan et al., "Synthetic Trace-Driven Simulation of
// Cache Memory", AINA Workshops 2007), as in facebookresearch/dlrm; each bag starts from the file's
// list again:
//
//   list = ids; new_ids = 0; most = largest distance
//   repeat count times:
//     u = stream.uniform()
//     if new_ids < most: u *= probability[last distance <= new_ids]       no distance beyond what
//     was seen elif padding:      u = (1 - probability[0]) * u + probability[0]    no more new ids
//     d = distance[first probability >= u]
//     d == 0: take the front of list, ++new_ids;  else take list[size - d];  move it to the back
//
// The ids of a bag are sorted and equal ones merged; in a bag with an id beyond the table, all are
// then taken modulo the table's rows (so that such a bag may repeat an id).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/synthetic.h"

namespace hotrow {

struct TraceDistribution {
  std::vector<int64_t> ids;           // at least one, not negative
  std::vector<int64_t> distances;     // ascending from 0, at most ids.size()
  std::vector<double> probabilities;  // one a distance, ascending to 1
};

// DataError with file, line and column: missing, cut short, a non-number, or numbers that are no
// distribution.
TraceDistribution read_trace_distribution(const std::string& path);

// One step of the rule above: the stack distance that the draw u in [0, 1) means after `new_ids`
// first accesses.
int64_t draw_trace_distance(const TraceDistribution& trace, int64_t new_ids, bool padding,
                            double u);

// Replaces the last "j" of the file's name by the table's number; a name without one stays.
std::string trace_file_of_table(const std::string& pattern, size_t table);

struct TraceConfig {
  // The distribution files. The last "j" of the file's name stands for the table's number; without
  // one, all tables share the file.
  std::string file = "./input/dist_emb_j.log";
  bool padding = false;
  // Told once a table whose ids have to be taken modulo its rows.
  std::function<void(std::string_view)> warn;
};

// Reads all distribution files at once.
std::unique_ptr<SyntheticReader> make_trace_reader(const SyntheticConfig& config,
                                                   const TraceConfig& trace, NumpyRandom& stream);

}  // namespace hotrow
