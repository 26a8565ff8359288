// From an access trace to its distribution (data/trace.h) and back to a trace of the same reuse:
// what facebookresearch/dlrm's dlrm_data_pytorch.py does when it is run as a program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/stack_distance.h"
#include "data/trace.h"
#include "engine/rng.h"

namespace hotrow {

// The ids of a trace file: one line of numbers between commas, or, `binary`, uint64 little-endian.
// DataError with file and place: no id, an id from 2^63 on, a length that is no multiple of 8, a
// second line.
std::vector<int64_t> read_trace(const std::string& path, bool binary);
// In the same forms, the text as Python prints a list: "1, 2, 3" without a newline.
void write_trace(const std::string& path, const std::vector<int64_t>& trace, bool binary);

// Ids in the order of their first access, and how often each stack distance occurs. `padding` adds
// ceil(accesses / largest distance) first accesses, so that a generated trace gets to all ids
// sooner; the reference stops with an error there. InvalidArgument: an empty trace.
TraceDistribution profile_trace(const std::vector<int64_t>& trace, bool padding);
// The three lines, numbers as Python prints them; read_trace_distribution gives them back.
void write_trace_distribution(const std::string& path, const TraceDistribution& distribution);

// Ids one after the other by the rule of data/trace.h, from one list that is never started again.
// O(log ids) each.
class TraceGenerator {
 public:
  TraceGenerator(TraceDistribution distribution, bool padding);

  // Draws one number.
  int64_t next(NumpyRandom& random);

 private:
  TraceDistribution distribution_;
  bool padding_;
  RecencyList list_;  // of places in distribution_.ids
  int64_t new_ids_ = 0;
};

}  // namespace hotrow
