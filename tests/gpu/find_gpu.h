// Whether this machine has a GPU for the tests that need one.
#pragma once

#include <string>

namespace hotrow::test {

// What ctest counts as skipped (SKIP_RETURN_CODE).
inline constexpr int kSkipped = 77;

// Empty where CUDA finds a GPU, else why it finds none.
std::string why_no_gpu();

}  // namespace hotrow::test
