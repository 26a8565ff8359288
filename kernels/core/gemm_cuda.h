// The matrix product of kernels/core/gemm.h on a GPU.
//
//   C = A B [+ C] [+ bias] [then ReLU]         C (m, n), A (m, k), B (k, n), bias (n)
//
// All fp32. C overlaps no input. Factors are rounded on their way, as GemmContext and the product's
// precision say; sums are fp32.
// Determinism: the same product with the same workspace on the same kind of GPU has the same bits.
// Errors: DeviceError where the library fails or knows no way to compute the product.
// Source: cuBLASLt; on a host that stands in for a GPU, a plain loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/core/gemm.h"
#include "kernels/core/precision.h"
#include "kernels/core/stream.h"

namespace hotrow {

struct CudaGemm {
  int64_t m, n, k;  // at least 1 each
  float* c;         // rows n floats apart
  GemmOperand a;    // kRows or kColumns
  GemmOperand b;    // kRows or kColumns
  const float* bias = nullptr;
  bool accumulate = false;
  bool relu = false;  // passes NaN on
  Precision precision = Precision::kFloat32;
};

// What products need from step to step: the library's handle, the way it chose for each product (at
// the first of its shape, which takes host memory), and device memory to work in. Of one stream,
// because products that run at once must not share the workspace, and of one thread at a time.
class GemmContext {
 public:
  struct Options {
    std::span<std::byte> workspace;  // device memory, aligned to 256; some tens of MiB serve best
    // Precision::kFloat32 multiplies in fp32; else in TF32, which keeps 11 significant bits of a
    // factor and is several times as fast.
    bool strict_fp32 = false;
  };
  explicit GemmContext(const Options& options);
  ~GemmContext();
  GemmContext(const GemmContext&) = delete;
  GemmContext& operator=(const GemmContext&) = delete;

  // Between products others of the stream may use it.
  std::span<std::byte> workspace() const { return options_.workspace; }
  void run(const CudaGemm& product, CudaStream stream);

 private:
  struct Library;
  Options options_;
  std::unique_ptr<Library> library_;
};

}  // namespace hotrow
