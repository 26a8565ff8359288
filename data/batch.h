// One mini-batch on the host, as readers make it and engine::Step takes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hotrow {

// The bags of one table: bag b holds ids[offsets[b]] .. ids[offsets[b + 1] - 1]. Bags may be empty
// and may repeat ids.
struct SparseFeature {
  std::vector<int64_t> offsets;  // (B + 1), offsets[0] == 0, ascending, offsets[B] == ids.size()
  std::vector<int64_t> ids;      // (N)
};

struct CategoricalShape {
  std::string name;
  int64_t rows = 0;             // ids are in [0, rows)
  int64_t max_ids_per_bag = 1;  // the step plans its memory by this
};

// What all batches of a reader have in common.
struct BatchShape {
  int64_t num_dense = 0;
  std::vector<CategoricalShape> categorical;  // one a table, in table order
};

// Which labels training takes: a cross entropy wants 0 and 1, a squared error any finite number.
enum class Labels { kZeroOrOne, kNumbers };

// Bytes of a batch of `rows` samples, every bag full.
int64_t max_batch_bytes(const BatchShape& shape, int64_t rows);

// A reader reuses one Batch for a whole pass, so that nothing is allocated once its vectors have
// grown.
struct Batch {
  int64_t rows = 0;                   // B, live samples
  std::vector<float> dense;           // (B, num_dense), already transformed
  std::vector<SparseFeature> sparse;  // one a table
  std::vector<float> labels;          // (B)
  std::string source;                 // for error texts: a file name, or "random data"
  int64_t first_line = 0;             // 1-based line (or sample) of row 0 in `source`
};

}  // namespace hotrow
