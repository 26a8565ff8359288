// kernels/core/gemm_cuda.h without a GPU: sums in double, rounded once.
#include <bit>
#include <cstdint>

#include "kernels/core/gemm_cuda.h"
#include "kernels/core/launch.cuh"
#include "tests/reference/bf16_ref.h"

namespace hotrow {
namespace {

// To 11 significant bits.
double round_to_tf32(float x) {
  if (!(x - x == 0)) return x;  // infinite or NaN
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + 0x1000) & 0xFFFFE000);
}

struct Rounding {
  Precision precision;
  bool strict_fp32;

  double operator()(float x) const {
    if (precision == Precision::kBfloat16) return reference::round_to_bf16(x);
    return strict_fp32 ? x : round_to_tf32(x);
  }
};

float element(const GemmOperand& operand, int64_t i, int64_t j) {
  return operand
      .data[operand.layout == GemmLayout::kRows ? i * operand.stride + j : i + j * operand.stride];
}

// A kernel, so that it waits its turn in a stream and can be captured in a graph.
__global__ void multiply(CudaGemm g, Rounding round) {
  if (threadIdx.x > 0) return;
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) {
      float& c = g.c[i * g.n + j];
      double sum = g.accumulate ? c : 0.0f;
      for (int64_t k = 0; k < g.k; ++k) {
        sum += round(element(g.a, i, k)) * round(element(g.b, k, j));
      }
      if (g.bias != nullptr) sum += g.bias[j];
      c = static_cast<float>(g.relu && sum < 0 ? 0.0 : sum);
    }
  }
}

}  // namespace

struct GemmContext::Library {};

GemmContext::GemmContext(const Options& options) : options_(options) {}

GemmContext::~GemmContext() = default;

void GemmContext::run(const CudaGemm& g, CudaStream stream) {
  launch("gemm", multiply, {1, 32}, stream, g, Rounding{g.precision, options_.strict_fp32});
}

}  // namespace hotrow
