#include <cublasLt.h>

#include <compare>
#include <map>
#include <utility>

#include "kernels/core/check.h"
#include "kernels/core/gemm_cuda.h"

namespace hotrow {
namespace {

void check(cublasStatus_t status, const char* statement) {
  require<DeviceError>(status == CUBLAS_STATUS_SUCCESS,
                       "[gemm] {} failed: got {}, expected success", statement,
                       cublasLtGetStatusString(status));
}

// The largest power of two, at most 256, that divides the address.
uint32_t alignment(const void* p) {
  const auto address = reinterpret_cast<uintptr_t>(p) | 256;
  return static_cast<uint32_t>(address & -address);
}

// All that the choice of an algorithm depends on.
struct Shape {
  int64_t m, n, k, a_stride, b_stride;
  GemmLayout a_layout, b_layout;
  bool bias, relu;
  Precision precision;
  uint32_t a_alignment, b_alignment, c_alignment;
  auto operator<=>(const Shape&) const = default;
};

Shape shape_of(const CudaGemm& g) {
  return {.m = g.m,
          .n = g.n,
          .k = g.k,
          .a_stride = g.a.stride,
          .b_stride = g.b.stride,
          .a_layout = g.a.layout,
          .b_layout = g.b.layout,
          .bias = g.bias != nullptr,
          .relu = g.relu,
          .precision = g.precision,
          .a_alignment = alignment(g.a.data),
          .b_alignment = alignment(g.b.data),
          .c_alignment = alignment(g.c)};
}

struct Plan {
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t a, b, c;
  cublasLtMatmulAlgo_t algorithm;
};

cublasLtEpilogue_t epilogue(const CudaGemm& g) {
  if (g.bias != nullptr) return g.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
  return g.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

cublasComputeType_t compute_type(Precision precision, bool strict_fp32) {
  if (precision == Precision::kBfloat16) return CUBLAS_COMPUTE_32F_FAST_16BF;
  return strict_fp32 ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_32F_FAST_TF32;
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
void describe(cublasLtMatrixLayoutOpaque_t& matrix, const GemmOperand& operand, int64_t rows,
              int64_t columns) {
  if (operand.layout == GemmLayout::kColumns) std::swap(rows, columns);
  check(cublasLtMatrixLayoutInit(&matrix, CUDA_R_32F, static_cast<uint64_t>(columns),
                                 static_cast<uint64_t>(rows), operand.stride),
        "describing a matrix");
}

cublasOperation_t operation(const GemmOperand& operand) {
  return operand.layout == GemmLayout::kColumns ? CUBLAS_OP_T : CUBLAS_OP_N;
}

void describe(Plan& plan, const CudaGemm& g, bool strict_fp32) {
  check(cublasLtMatmulDescInit(&plan.product, compute_type(g.precision, strict_fp32), CUDA_R_32F),
        "describing a product");
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, operation(g.b));
  set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, operation(g.a));
  set(plan.product, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(g));
  set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
  describe(plan.a, g.a, g.m, g.k);
  describe(plan.b, g.b, g.k, g.n);
  describe(plan.c, {g.c, g.n}, g.m, g.n);
}

// The library's first choice among the algorithms whose sums have a fixed order.
void choose_algorithm(Plan& plan, const CudaGemm& g, cublasLtHandle_t handle,
                      size_t workspace_bytes) {
  cublasLtMatmulPreferenceOpaque_t preference;
  check(cublasLtMatmulPreferenceInit(&preference), "describing a workspace");
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(g.b.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(g.a.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(g.c));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(g.c));
  cublasLtMatmulHeuristicResult_t choice;
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, &plan.product, &plan.b, &plan.a, &plan.c, &plan.c, &preference, 1, &choice, &found);
  require<DeviceError>(status == CUBLAS_STATUS_SUCCESS && found > 0,
                       "[gemm] no algorithm for m = {}, n = {}, k = {}: got {}, expected one that "
                       "needs at most {} bytes of workspace",
                       g.m, g.n, g.k, cublasLtGetStatusString(status), workspace_bytes);
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

  Plan& plan(const CudaGemm& g, const Options& options) {
    const Shape shape = shape_of(g);
    if (const auto at = plans.find(shape); at != plans.end()) return at->second;
    Plan plan;
    describe(plan, g, options.strict_fp32);
    choose_algorithm(plan, g, handle, options.workspace.size());
    return plans.emplace(shape, plan).first->second;
  }
};

GemmContext::GemmContext(const Options& options)
    : options_(options), library_(std::make_unique<Library>()) {}

GemmContext::~GemmContext() = default;

void GemmContext::run(const CudaGemm& g, CudaStream stream) {
  Plan& plan = library_->plan(g, options_);
  set(plan.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
  const float alpha = 1, beta = g.accumulate ? 1 : 0;
  check(
      cublasLtMatmul(library_->handle, &plan.product, &alpha, g.b.data, &plan.b, g.a.data, &plan.a,
                     &beta, g.c, &plan.c, g.c, &plan.c, &plan.algorithm, options_.workspace.data(),
                     options_.workspace.size(), static_cast<cudaStream_t>(stream.native)),
      "cublasLtMatmul");
}

}  // namespace hotrow
