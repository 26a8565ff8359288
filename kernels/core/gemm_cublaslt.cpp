#include <cublasLt.h>

#include <compare>
#include <map>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/gemm_cuda.h"

namespace hotrow {
namespace {

void check(cublasStatus_t status, const char* statement) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError(fmt::format("[gemm] {} failed: got {}, expected success", statement,
                                cublasLtGetStatusString(status)));
}

// Of every matrix, at least; more would let bits depend on where a matrix happens to lie.
constexpr uint32_t kAlignment = 16;

// The library's workspace: as much as it takes by itself on Hopper, where it begins at a multiple
// of what it asks for.
constexpr size_t kLibraryBytes = size_t{32} << 20, kLibraryAlignment = 256;
constexpr size_t library_begin(size_t taken) {
  return (taken + kLibraryAlignment - 1) / kLibraryAlignment * kLibraryAlignment;
}

// All that the choice of an algorithm depends on.
struct Shape {
  int64_t m, n, k, a_stride, b_stride, c_stride;
  GemmLayout a_layout, b_layout;
  bool bf16;
  auto operator<=>(const Shape&) const = default;
};

struct Plan {
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t a, b, c;
  cublasLtMatmulAlgo_t algorithm;
};

cublasComputeType_t compute_type(bool bf16, bool strict_fp32) {
  return bf16 || strict_fp32 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32;
}

template <class T>
void set(cublasLtMatmulDescOpaque_t& product, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  check(cublasLtMatmulDescSetAttribute(&product, attribute, &value, sizeof(value)),
        "describing a product");
}

template <class T>
void set(cublasLtMatmulPreferenceOpaque_t& preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
  check(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof(value)),
        "describing a workspace");
}

// The library's matrices go down their columns: a matrix of ours is the transpose of one of its
// own, and C^T = B^T A^T. `rows` and `columns` are ours.
void describe(cublasLtMatrixLayoutOpaque_t& matrix, cudaDataType_t type, const CudaFactor& factor,
              int64_t rows, int64_t columns) {
  if (factor.layout == GemmLayout::kColumns) std::swap(rows, columns);
  check(cublasLtMatrixLayoutInit(&matrix, type, static_cast<uint64_t>(columns),
                                 static_cast<uint64_t>(rows), factor.stride),
        "describing a matrix");
}

cublasOperation_t operation(const CudaFactor& factor) {
  return factor.layout == GemmLayout::kColumns ? CUBLAS_OP_T : CUBLAS_OP_N;
}

void describe(Plan& plan, const CudaGemm& g, bool strict_fp32) {
  check(cublasLtMatmulDescInit(&plan.product, compute_type(g.bf16, strict_fp32), CUDA_R_32F),
        "describing a product");
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, operation(g.b));
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, operation(g.a));
  const cudaDataType_t type = g.bf16 ? CUDA_R_16BF : CUDA_R_32F;
  describe(plan.a, type, g.a, g.m, g.k);
  describe(plan.b, type, g.b, g.k, g.n);
  describe(plan.c, CUDA_R_32F, {g.c, g.c_stride}, g.m, g.n);
}

// The library's first choice among the algorithms whose sums have a fixed order.
void choose_algorithm(Plan& plan, const Shape& shape, cublasLtHandle_t handle) {
  cublasLtMatmulPreferenceOpaque_t preference;
  check(cublasLtMatmulPreferenceInit(&preference), "describing a workspace");
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kLibraryBytes);
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto matrix :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    set(preference, matrix, kAlignment);
  }
  cublasLtMatmulHeuristicResult_t choice;
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, &plan.product, &plan.b, &plan.a, &plan.c, &plan.c, &preference, 1, &choice, &found);
  require<DeviceError>(status == CUBLAS_STATUS_SUCCESS && found > 0,
                       "[gemm] no algorithm for m = {}, n = {}, k = {}: got {}, expected one that "
                       "needs at most {} bytes of workspace",
                       shape.m, shape.n, shape.k, cublasLtGetStatusString(status), kLibraryBytes);
  plan.algorithm = choice.algo;
}

}  // namespace

struct GemmContext::Library {
  cublasLtHandle_t handle = nullptr;
  std::map<Shape, Plan> plans;

  Library() { check(cublasLtCreate(&handle), "cublasLtCreate"); }
  ~Library() { cublasLtDestroy(handle); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  Plan& plan(const CudaGemm& g, bool strict_fp32) {
    const Shape shape{g.m,        g.n,        g.k,        g.a.stride, g.b.stride,
                      g.c_stride, g.a.layout, g.b.layout, g.bf16};
    if (const auto at = plans.find(shape); at != plans.end()) return at->second;
    Plan plan;
    describe(plan, g, strict_fp32);
    choose_algorithm(plan, shape, handle);
    return plans.emplace(shape, plan).first->second;
  }
};

GemmContext::GemmContext(const Options& options)
    : options_(options), library_(std::make_unique<Library>()) {}

GemmContext::~GemmContext() = default;

size_t GemmContext::workspace_bytes(size_t taken) { return library_begin(taken) + kLibraryBytes; }

void GemmContext::run(const CudaGemm& g, CudaStream stream) {
  check_gemm(g);
  Plan& plan = library_->plan(g, options_.strict_fp32);
  const float alpha = 1, beta = g.accumulate ? 1 : 0;
  check(cublasLtMatmul(library_->handle, &plan.product, &alpha, g.b.data, &plan.b, g.a.data,
                       &plan.a, &beta, g.c, &plan.c, g.c, &plan.c, &plan.algorithm,
                       options_.workspace.data() + library_begin(g.taken), kLibraryBytes,
                       static_cast<cudaStream_t>(stream.native)),
        "cublasLtMatmul");
}

}  // namespace hotrow
