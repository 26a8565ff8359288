// oneDNN's matrix product, whose rate is a part of every floor.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kernels/core/precision.h"

namespace hotrow {

// C (rows, cols) = A (rows, depth) B^T on the calling thread, B (cols, depth); the strides of rows
// are `depth` and, of C, `c_stride`. A and B lie in memory in their precision, C is fp32. May run
// in all workers of a parallel_for at once.
using OneDnnGemm = std::function<void(float* c, const void* a, const void* b)>;

// Empty where this build has no oneDNN, or oneDNN no such product for this machine.
OneDnnGemm make_onednn_gemm(int64_t rows, int64_t cols, int64_t depth, int64_t c_stride,
                            Precision precision);

// "oneDNN 2.6.3", or "none".
std::string onednn_version();

}  // namespace hotrow
