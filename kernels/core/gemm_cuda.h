// Products of matrices on a GPU.
//
//   C = A B [+ C]         C (m, n), A (m, k), B (k, n)
//
// C is fp32; the factors are both fp32, multiplied as GemmContext says, or both bf16, whose
// products are exact. Sums are fp32. C overlaps no input. All matrices are aligned to 16 bytes; the
// library is at least twice as fast where rows (of kColumns columns) are whole 16 bytes too.
// Determinism: the same product on the same kind of GPU has the same bits, wherever matrices lie.
// Errors: InvalidArgument for a matrix that is not aligned; DeviceError where the library cannot be
// opened, fails, or knows no way to compute the product.
// Source: cuBLASLt; on a host that stands in for a GPU, a plain loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/core/stream.h"

namespace hotrow {

struct CudaFactor {
  const void* data;                       // float or Bf16
  int64_t stride;                         // numbers
  GemmLayout layout = GemmLayout::kRows;  // or kColumns
};

struct CudaGemm {
  int64_t m, n, k;  // at least 1 each
  float* c;
  int64_t c_stride;  // floats from row to row
  CudaFactor a, b;
  bool bf16 = false;  // what the factors are
  bool accumulate = false;
  size_t taken = 0;  // bytes at the start of the workspace that are the caller's
};

inline void check_gemm(const CudaGemm& g) {
  for (const void* matrix : {static_cast<const void*>(g.c), g.a.data, g.b.data}) {
    require(reinterpret_cast<uintptr_t>(matrix) % 16 == 0,
            "[gemm] a matrix of a product of ({}, {}) with ({}, {}) is not aligned: got {}, "
            "expected a multiple of 16 bytes",
            g.m, g.k, g.k, g.n, matrix);
  }
}

// What products need from step to step: the library's handle, the way it chose for each product (at
// the first of its shape, which takes host memory), and device memory to work in. Of one stream,
// because products that run at once must not share the workspace, and of one thread at a time.
class GemmContext {
 public:
  struct Options {
    // Device memory, aligned to 256: workspace_bytes() of each product at least.
    std::span<std::byte> workspace;
    // fp32 factors are multiplied in fp32; else in TF32, which keeps 11 significant bits of a
    // factor and is several times as fast.
    bool strict_fp32 = false;
  };
  explicit GemmContext(const Options& options);
  ~GemmContext();
  GemmContext(const GemmContext&) = delete;
  GemmContext& operator=(const GemmContext&) = delete;

  // Bytes of workspace with which the product can run after `taken`: what the library may use is
  // always the same, so that its choice, and with it the bits, depends on the product alone.
  static size_t workspace_bytes(size_t taken);
  // Throws DeviceError where the library is not there, which a product would tell much later.
  static void open_library();
  // Between products others of the stream may use it.
  std::span<std::byte> workspace() const { return options_.workspace; }
  void run(const CudaGemm& product, CudaStream stream);

 private:
  struct Library;
  Options options_;
  std::unique_ptr<Library> library_;
};

}  // namespace hotrow
