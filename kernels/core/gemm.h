// The matrix product that the linear layers are made of.
//
//   C = A B [+ C] [+ bias] [then ReLU]         C (m, n), A (m, k), B (k, n), bias (n)
//
// All fp32; C's rows have adjacent columns. C overlaps no input. With Precision::kBfloat16 the
// factors are rounded to bf16 on their way, block by block; sums, bias and C stay fp32.
// Determinism: every element adds its products in order of k with fused multiply-adds, in blocks of
// kGemmDepth that are then added in order. Its bits depend on neither threads nor the other
// elements nor, from AVX2 on, the instruction set, except that products of rows with columns that
// have at most kGemmThin rows or columns of C sum the lanes of a vector apart. Of bf16 products,
// which are exact, that of k + 1 comes before that of k for every even k, as AVX512-BF16 has it,
// and no instruction set has bits of its own unless numbers below 2^-126 come up, which AVX512-BF16
// makes 0. Cost: 2 m n k flop, bytes 4 (m k + k n + m n); allocates nothing. Source: K. Goto, R.
// van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; here only B is packed,
// and each thread packs the panel that it needs next.
#pragma once

#include <cstdint>

#include "kernels/core/precision.h"

namespace hotrow {

constexpr int64_t kGemmDepth = 512;
constexpr int64_t kGemmThin = 3;
constexpr int64_t kGemmPanel = 8;  // rows of A in a panel

// Panels are groups of kGemmPanel rows, column after column: element (i, j) of a matrix with so
// many columns lies here. The rows of the last panel beyond the matrix have memory too.
constexpr int64_t panel_offset(int64_t columns, int64_t i, int64_t j) {
  return (i / kGemmPanel * columns + j) * kGemmPanel + i % kGemmPanel;
}
constexpr int64_t panel_floats(int64_t rows, int64_t columns) {
  return (rows + kGemmPanel - 1) / kGemmPanel * kGemmPanel * columns;
}

enum class GemmLayout {
  kRows,              // (i, j) at i * stride + j
  kColumns,           // (i, j) at i + j * stride
  kPanels,            // (i, j) at panel_offset(columns, i, j); stride is unused
  kPanelsTransposed,  // (i, j) at panel_offset(rows, j, i); stride is unused
};

struct GemmOperand {
  const float* data;
  int64_t stride;  // floats
  GemmLayout layout = GemmLayout::kRows;
};

struct Gemm {
  int64_t m, n, k;  // at least 1 each
  float* c;
  int64_t c_stride;  // floats from row to row
  GemmOperand a;     // all but kColumns
  GemmOperand b;     // kRows or kColumns
  const float* bias = nullptr;
  bool accumulate = false;
  bool relu = false;  // passes NaN on
  // Not null: (m, n) with C's stride; C is 0 where this is not above 0, and is written as the
  // panels of its transpose, (i, j) at panel_offset(m, j, i). Without accumulate, bias and ReLU.
  const float* gate = nullptr;
  Precision precision = Precision::kFloat32;
};

void gemm(const Gemm& g);

}  // namespace hotrow
