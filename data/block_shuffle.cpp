#include "data/block_shuffle.h"

#include <algorithm>

#include "data/mix64.h"
#include "engine/rng.h"

namespace hotrow {
namespace {

constexpr int64_t kWindowRows = BlockShuffle::kBlockRows * BlockShuffle::kWindowBlocks;

std::vector<int64_t> permutation(uint32_t seed, int64_t pass, int64_t stream, int64_t n) {
  uint64_t word = mix64(seed);
  word = mix64(word + static_cast<uint64_t>(pass));
  word = mix64(word + static_cast<uint64_t>(stream));
  return NumpyRandom(static_cast<uint32_t>(word)).permutation(n);
}

}  // namespace

void BlockShuffle::start(int64_t pass) {
  pass_ = pass;
  blocks_ = permutation(seed_, pass, 0, ceil_div(rows_, kBlockRows));
  short_at_ = std::find(blocks_.begin(), blocks_.end(), std::ssize(blocks_) - 1) - blocks_.begin();
}

Range BlockShuffle::places(int64_t window) const {
  const int64_t missing = std::ssize(blocks_) * kBlockRows - rows_;  // of the last block
  const auto begin_of = [&](int64_t w) {
    const int64_t blocks = std::min(w * kWindowBlocks, std::ssize(blocks_));
    return blocks * kBlockRows - (short_at_ < blocks ? missing : 0);
  };
  return {begin_of(window), begin_of(window + 1)};
}

int64_t BlockShuffle::window_of(int64_t place) const {
  // Only the one short block shifts the places after it, by less than a window.
  const int64_t window = place / kWindowRows;
  return place < places(window).end ? window : window + 1;
}

std::vector<Range> BlockShuffle::runs(int64_t window) const {
  std::vector<Range> runs;
  const int64_t end = std::min((window + 1) * kWindowBlocks, std::ssize(blocks_));
  for (int64_t k = window * kWindowBlocks; k < end; ++k) {
    const int64_t first = blocks_[static_cast<size_t>(k)] * kBlockRows;
    runs.push_back({first, std::min(first + kBlockRows, rows_)});
  }
  return runs;
}

std::vector<int64_t> BlockShuffle::order(int64_t window) const {
  return permutation(seed_, pass_, window + 1, places(window).size());
}

}  // namespace hotrow
