// The functions of cuBLASLt that products call are found where there is no GPU too.
#include <cublasLt.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "kernels/core/check.h"
#include "kernels/core/cublaslt_open.h"
#include "tests/support/error_text.h"

namespace {

TEST(CublasLt, OpensTheLibraryAndFindsItsFunctions) {
  EXPECT_STREQ(cublasLtGetStatusString(CUBLAS_STATUS_SUCCESS), "success");
  cublasLtMatmulDescOpaque_t product;
  EXPECT_EQ(cublasLtMatmulDescInit(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_SUCCESS);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                           sizeof(transposed)),
            CUBLAS_STATUS_SUCCESS);
  cublasLtMatrixLayoutOpaque_t matrix;
  EXPECT_EQ(cublasLtMatrixLayoutInit(&matrix, CUDA_R_32F, 3, 5, 4), CUBLAS_STATUS_SUCCESS);
  cublasLtMatmulPreferenceOpaque_t preference;
  EXPECT_EQ(cublasLtMatmulPreferenceInit(&preference), CUBLAS_STATUS_SUCCESS);
  const size_t bytes = 0;
  EXPECT_EQ(cublasLtMatmulPreferenceSetAttribute(
                &preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof(bytes)),
            CUBLAS_STATUS_SUCCESS);
  // Without a handle nothing runs: what matters is that the library answers.
  cublasLtMatmulHeuristicResult_t choice;
  int found = 0;
  EXPECT_NE(cublasLtMatmulAlgoGetHeuristic(nullptr, &product, &matrix, &matrix, &matrix, &matrix,
                                           &preference, 1, &choice, &found),
            CUBLAS_STATUS_SUCCESS);
  const float one = 1;
  EXPECT_NE(cublasLtMatmul(nullptr, &product, &one, nullptr, &matrix, nullptr, &matrix, &one,
                           nullptr, &matrix, nullptr, &matrix, nullptr, nullptr, 0, nullptr),
            CUBLAS_STATUS_SUCCESS);
  cublasLtHandle_t handle = nullptr;
  if (cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS) {
    EXPECT_EQ(cublasLtDestroy(handle), CUBLAS_STATUS_SUCCESS);
  }
}

TEST(CublasLt, SaysWhereItLooked) {
  const std::string text = hotrow::test::error_text<hotrow::DeviceError>([] {
    hotrow::open_library(std::array<std::string, 2>{"libnone.so.13", "/none/libnone.so"});
  });
  EXPECT_THAT(text, ::testing::HasSubstr("[gemm] cannot open cuBLASLt: got 'libnone.so.13: "));
  EXPECT_THAT(text, ::testing::HasSubstr("' and '/none/libnone.so: "));
  void* self = dlopen(nullptr, RTLD_NOW);
  EXPECT_THAT(hotrow::test::error_text<hotrow::DeviceError>(
                  [&] { hotrow::find_function(self, "cublasLtNone"); }),
              ::testing::HasSubstr("undefined symbol: cublasLtNone', expected CUDA "));
  dlclose(self);
}

}  // namespace
