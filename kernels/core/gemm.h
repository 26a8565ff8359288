// Matrix products of one tile on the calling thread: what the linear kernels are made of.
//
// One implementation is linked: oneDNN (gemm_onednn.cpp) or, where a build has none, our own
// (gemm_plain.cpp). Either runs on the calling thread alone, so that the caller's cut into tiles,
// made by shape, decides every bit.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace hotrow {

// C (m, n) = A (m, k) B (k, n) [+ C] [+ bias (n)] [then ReLU, which passes NaN on]. Strides in
// elements; C's columns are adjacent. fp32 in, fp32 accumulation in an order that the
// implementation fixes for a given shape.
struct GemmShape {
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row_stride = 0, a_col_stride = 0;
  int64_t b_row_stride = 0, b_col_stride = 0;
  int64_t c_row_stride = 0;
  bool has_bias = false;
  bool relu = false;
  bool accumulate = false;

  auto operator<=>(const GemmShape&) const = default;
};

// A product prepared for one shape. run() may be called from all workers of a parallel_for at once;
// it allocates nothing of ours. `bias` is read only if the shape has one.
class Gemm {
 public:
  virtual ~Gemm() = default;
  virtual void run(float* c, const float* a, const float* b, const float* bias) const = 0;
};

// The kernel for `shape`, made at its first use in the process and kept; call outside of
// parallel_for. Throws InvalidArgument for an empty shape.
const Gemm& prepare_gemm(const GemmShape& shape);

// What is linked, for the start-up line: "oneDNN 2.6.3" or "plain".
std::string gemm_backend();

}  // namespace hotrow
