// New inputs for libFuzzer: a quarter of them damaged good files, which keeps the parts that it
// could not guess, the others changes to the inputs that it has found worth keeping.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/mutate.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace hotrow::fuzz {

// What LLVMFuzzerCustomMutator has to do. good(k) gives a good file for any k, all of them in
// turns.
template <class Good>
size_t new_input(uint8_t* data, size_t size, size_t max_size, unsigned seed, Good&& good) {
  if (size > 2 && seed % 4 != 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes = test::Mutator(seed)(good(seed / 4));
  bytes.resize(std::min(bytes.size(), max_size));
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

}  // namespace hotrow::fuzz
