// The functions of cuBLASLt that products call, each forwarded to the library, which the first of
// them opens: at the start of a program it would take 200 MB and 80 ms of all who use no GPU.
#include <cublasLt.h>
#include <dlfcn.h>

#include <array>
#include <vector>

#include "kernels/core/check.h"
#include "kernels/core/cublaslt_open.h"
#include "kernels/core/gemm_cuda.h"

namespace {

// Where the loader finds it by itself, or where it was at build time.
void* library() {
  const std::string name = fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR);
  static void* const opened =
      hotrow::open_library(std::array{name, HOTROW_CUDA_LIBRARIES "/" + name});
  return opened;
}

template <class Function>
Function* find(const char* name) {
  return reinterpret_cast<Function*>(hotrow::find_function(library(), name));
}

}  // namespace

namespace hotrow {

void* open_library(std::span<const std::string> paths) {
  std::vector<std::string> reasons;
  for (const std::string& path : paths) {
    if (void* opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return opened;
    reasons.emplace_back(dlerror());
  }
  throw DeviceError(fmt::format(
      "[gemm] cannot open cuBLASLt: got '{}', expected the library of CUDA {} (LD_LIBRARY_PATH can "
      "name its folder)",
      fmt::join(reasons, "' and '"), CUBLAS_VER_MAJOR));
}

void* find_function(void* opened, const char* name) {
  void* found = dlsym(opened, name);
  require<DeviceError>(found != nullptr, "[gemm] cuBLASLt lacks {}: got '{}', expected CUDA {}",
                       name, found == nullptr ? dlerror() : "", CUBLAS_VER_MAJOR);
  return found;
}

void GemmContext::open_library() { library(); }

}  // namespace hotrow

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  static const auto function = find<decltype(cublasLtCreate)>(__func__);
  return function(handle);
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  static const auto function = find<decltype(cublasLtDestroy)>(__func__);
  return function(handle);
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  static const auto function = find<decltype(cublasLtGetStatusString)>(__func__);
  return function(status);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
  static const auto function = find<decltype(cublasLtMatmul)>(__func__);
  return function(handle, product, alpha, a, a_layout, b, b_layout, beta, c, c_layout, d, d_layout,
                  algorithm, workspace, workspace_bytes, stream);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* found) {
  static const auto function = find<decltype(cublasLtMatmulAlgoGetHeuristic)>(__func__);
  return function(handle, product, a, b, c, d, preference, wanted, results, found);
}

cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t product, size_t size,
                                               cublasComputeType_t compute, cudaDataType_t scale) {
  static const auto function = find<decltype(cublasLtMatmulDescInit_internal)>(__func__);
  return function(product, size, compute, scale);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t size) {
  static const auto function = find<decltype(cublasLtMatmulDescSetAttribute)>(__func__);
  return function(product, attribute, value, size);
}

cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t preference,
                                                     size_t size) {
  static const auto function = find<decltype(cublasLtMatmulPreferenceInit_internal)>(__func__);
  return function(preference, size);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t size) {
  static const auto function = find<decltype(cublasLtMatmulPreferenceSetAttribute)>(__func__);
  return function(preference, attribute, value, size);
}

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t matrix, size_t size,
                                                 cudaDataType type, uint64_t rows, uint64_t columns,
                                                 int64_t stride) {
  static const auto function = find<decltype(cublasLtMatrixLayoutInit_internal)>(__func__);
  return function(matrix, size, type, rows, columns, stride);
}

}  // extern "C"
