// kernels/core/gemm_cuda.h without a GPU: sums in double, rounded once.
#include <bit>
#include <cstdint>

#include "kernels/core/gemm_cuda.h"
#include "kernels/core/launch.cuh"
#include "kernels/core/table_rows.h"

namespace hotrow {
namespace {

// To 11 significant bits.
double round_to_tf32(float x) {
  if (!(x - x == 0)) return x;  // infinite or NaN
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + 0x1000) & 0xFFFFE000);
}

struct Reader {
  bool bf16, strict_fp32;

  double operator()(const CudaFactor& factor, int64_t i, int64_t j) const {
    const int64_t at =
        factor.layout == GemmLayout::kRows ? i * factor.stride + j : i + j * factor.stride;
    if (bf16) return to_float(static_cast<const Bf16*>(factor.data)[at]);
    const float x = static_cast<const float*>(factor.data)[at];
    return strict_fp32 ? x : round_to_tf32(x);
  }
};

// A kernel, so that it waits its turn in a stream and can be captured in a graph.
__global__ void multiply(CudaGemm g, Reader read) {
  if (threadIdx.x > 0) return;
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) {
      float& c = g.c[i * g.c_stride + j];
      double sum = g.accumulate ? c : 0.0f;
      for (int64_t k = 0; k < g.k; ++k) sum += read(g.a, i, k) * read(g.b, k, j);
      c = static_cast<float>(sum);
    }
  }
}

}  // namespace

// Little, as it is spoiled with every product.
constexpr size_t kLibraryBytes = 1024;

struct GemmContext::Library {};

GemmContext::GemmContext(const Options& options) : options_(options) {}

GemmContext::~GemmContext() = default;

void GemmContext::open_library() {}

size_t GemmContext::workspace_bytes(size_t taken) { return taken + kLibraryBytes; }

void GemmContext::run(const CudaGemm& g, CudaStream stream) {
  check_gemm(g);
  // The library may write there.
  check_cuda(cudaMemsetAsync(options_.workspace.data() + g.taken, 0xFF, kLibraryBytes,
                             static_cast<cudaStream_t>(stream.native)),
             "gemm", "spoiling the workspace");
  launch("gemm", multiply, {1, 32}, stream, g, Reader{g.bf16, options_.strict_fp32});
}

}  // namespace hotrow
