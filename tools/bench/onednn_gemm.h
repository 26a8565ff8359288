// oneDNN's matrix product, whose rate is a part of every floor.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hotrow {

// C (rows, cols) = A (rows, depth) B^T on the calling thread, B (cols, depth); the strides of rows
// are `depth` and, of C, `c_stride`. May run in all workers of a parallel_for at once.
using OneDnnGemm = std::function<void(float* c, const float* a, const float* b)>;

// Empty where this build has no oneDNN.
OneDnnGemm make_onednn_gemm(int64_t rows, int64_t cols, int64_t depth, int64_t c_stride);

// "oneDNN 2.6.3", or "none".
std::string onednn_version();

}  // namespace hotrow
