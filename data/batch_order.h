// The order of the whole batches of a pass, where batches are shuffled and their samples are not.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/rng.h"

namespace hotrow {

// permutation() of NumPy's generator, seeded with seed + pass.
inline std::vector<int64_t> batch_order(int64_t batches, uint32_t seed, int64_t pass) {
  return NumpyRandom(seed + static_cast<uint32_t>(pass)).permutation(batches);
}

}  // namespace hotrow
