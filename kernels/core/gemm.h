// The matrix product that the linear layers are made of.
//
//   C = A B [+ C] [+ bias] [then ReLU]         C (m, n), A (m, k), B (k, n), bias (n)
//
// All fp32; C's rows have adjacent columns. C overlaps no input.
// Determinism: every element adds its products in order of k with fused multiply-adds, in blocks of
// kGemmDepth that are then added in order. Its bits depend on neither threads, instruction set nor
// the other elements, except that products with at most kGemmThin rows or columns of C sum the
// lanes of a vector apart.
// Cost: 2 m n k flop, bytes 4 (m k + k n + m n); allocates nothing.
// Source: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; here
// only B is packed, and each thread packs the panel that it needs next.
#pragma once

#include <cstdint>

namespace hotrow {

constexpr int64_t kGemmDepth = 512;
constexpr int64_t kGemmThin = 3;
constexpr int64_t kGemmPanel = 8;  // rows of A in a panel

enum class GemmLayout {
  kRows,     // (i, j) at i * stride + j
  kColumns,  // (i, j) at i + j * stride
  // For A: panels of kGemmPanel rows, column after column: (i, j) at
  // (i / kGemmPanel * k + j) * kGemmPanel + i % kGemmPanel. stride is unused.
  kPanels,
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
  GemmOperand a;     // kRows or kPanels
  GemmOperand b;     // kRows or kColumns
  const float* bias = nullptr;
  bool accumulate = false;
  bool relu = false;  // passes NaN on
};

void gemm(const Gemm& g);

}  // namespace hotrow
