// An order of the rows of a data set that mixes well and reads in long runs.
//
// Rows are cut into blocks of kBlockRows, the blocks permuted, kWindowBlocks of them at a time laid
// side by side as a window, and the rows of each window permuted. A function of the number of rows,
// the seed and the pass alone: batches, threads and file formats do not matter.
//
//   blocks = permutation(ceil(rows / kBlockRows))     NumpyRandom seeded with (seed, pass, 0)
//   window w: rows of blocks[w K], ..., blocks[w K + K - 1], permuted       ... (seed, pass, w + 1)
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/parallel.h"

namespace hotrow {

class BlockShuffle {
 public:
  static constexpr int64_t kBlockRows = 4096;
  static constexpr int64_t kWindowBlocks = 16;

  BlockShuffle(int64_t rows, uint32_t seed) : rows_(rows), seed_(seed) {}

  void start(int64_t pass);

  // Of the pass that was started last. `place` is in [0, rows).
  int64_t window_of(int64_t place) const;
  // The places that a window covers.
  Range places(int64_t window) const;
  // The runs of rows in the file that a window is made of, in the order in which they are to be
  // laid side by side.
  std::vector<Range> runs(int64_t window) const;
  // Which of these rows, counted over all runs, comes at each of the window's places.
  std::vector<int64_t> order(int64_t window) const;

 private:
  int64_t rows_;
  uint32_t seed_;
  int64_t pass_ = 0;
  std::vector<int64_t> blocks_;  // permuted
  int64_t short_at_ = 0;         // place of the last, perhaps shorter block in blocks_
};

}  // namespace hotrow
