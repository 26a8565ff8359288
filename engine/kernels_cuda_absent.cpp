// Stands in for the kernels of a GPU where the build has no CUDA: whoever asks one for its scratch,
// as a plan does, or calls it is told what the driver says.
#include <cstdlib>

#include "engine/device.h"
#include "kernels/concat.h"
#include "kernels/core/gemm_cuda.h"
#include "kernels/dense_update.h"
#include "kernels/elementwise.h"
#include "kernels/embedding_bag.h"
#include "kernels/embedding_update.h"
#include "kernels/interaction.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "kernels/sparse_route.h"

namespace hotrow {
namespace {

[[noreturn]] void refuse() {
  cuda_driver();  // throws
  std::abort();
}

}  // namespace

void copy(float*, const float*, int64_t, bool, CudaStream) { refuse(); }
void add(float*, const float*, const float*, int64_t, CudaStream) { refuse(); }
void multiply(float*, const float*, const float*, int64_t, CudaStream) { refuse(); }
void multiply_backward(const MultiplyBackward&, const float*, const float*, const float*, int64_t,
                       CudaStream) {
  refuse();
}

void concat_forward(Matrix, std::span<const Part>, CudaStream) { refuse(); }
void concat_backward(std::span<const PartGrad>, ConstMatrix, CudaStream) { refuse(); }

void interaction_forward(Matrix, std::span<const Feature>, int64_t, bool, CudaStream) { refuse(); }
void interaction_backward(std::span<const FeatureGrad>, ConstMatrix, std::span<const Feature>,
                          int64_t, bool, CudaStream) {
  refuse();
}

struct GemmContext::Library {};
GemmContext::GemmContext(const Options& options) : options_(options) { refuse(); }
GemmContext::~GemmContext() = default;
size_t GemmContext::workspace_bytes(size_t) { refuse(); }
void GemmContext::run(const CudaGemm&, CudaStream) { refuse(); }

void linear_forward(Matrix, ConstMatrix, ConstMatrix, ConstVector, Activation, Precision,
                    GemmContext&, CudaStream) {
  refuse();
}
void activation_backward(float*, ConstMatrix, ConstMatrix, Activation, CudaStream) { refuse(); }
void linear_backward(const LinearBackward&, GemmContext&, CudaStream) { refuse(); }
size_t linear_workspace_bytes(int64_t, int64_t, int64_t, int64_t, Precision) { refuse(); }

void loss_forward(float*, const float*, const float*, int64_t, const LossConfig&,
                  std::span<std::byte>, CudaStream) {
  refuse();
}
void loss_backward(float*, const float*, const float*, int64_t, const LossConfig&, CudaStream) {
  refuse();
}
size_t loss_scratch_bytes(int64_t) { refuse(); }

void dense_update(float*, float*, const float*, int64_t, UpdateKind, const UpdateConstants*,
                  CudaStream) {
  refuse();
}

size_t embedding_update_scratch_bytes(int64_t, const UpdateSizes&) { refuse(); }

template <class Id>
void embedding_bag_forward(Matrix, std::span<const TableLookup<Id>>, int64_t, Pooling, int64_t,
                           CudaStream) {
  refuse();
}
template <class Id>
void embedding_bag_weight_grad(float*, ConstMatrix, int64_t, const TableLookup<Id>&, Pooling,
                               CudaStream) {
  refuse();
}
template <class Id>
void embedding_update_prepare(std::span<const TableUpdate<Id>>, const UpdateSizes&,
                              std::span<std::byte>, CudaStream) {
  refuse();
}
template <class Id>
void embedding_update_apply(std::span<const TableUpdate<Id>>, ConstMatrix, int64_t, Pooling,
                            UpdateKind, const UpdateConstants*, const UpdateSizes&,
                            std::span<std::byte>, CudaStream) {
  refuse();
}
template <class Id>
void quotient_remainder(Id*, Id*, const Id*, int64_t, Id, CudaStream) {
  refuse();
}

template void embedding_bag_forward(Matrix, std::span<const TableLookup<int32_t>>, int64_t, Pooling,
                                    int64_t, CudaStream);
template void embedding_bag_weight_grad(float*, ConstMatrix, int64_t, const TableLookup<int32_t>&,
                                        Pooling, CudaStream);
template void embedding_update_prepare(std::span<const TableUpdate<int32_t>>, const UpdateSizes&,
                                       std::span<std::byte>, CudaStream);
template void embedding_update_apply(std::span<const TableUpdate<int32_t>>, ConstMatrix, int64_t,
                                     Pooling, UpdateKind, const UpdateConstants*,
                                     const UpdateSizes&, std::span<std::byte>, CudaStream);
template void quotient_remainder(int32_t*, int32_t*, const int32_t*, int64_t, int32_t, CudaStream);

template void embedding_bag_forward(Matrix, std::span<const TableLookup<int64_t>>, int64_t, Pooling,
                                    int64_t, CudaStream);
template void embedding_bag_weight_grad(float*, ConstMatrix, int64_t, const TableLookup<int64_t>&,
                                        Pooling, CudaStream);
template void embedding_update_prepare(std::span<const TableUpdate<int64_t>>, const UpdateSizes&,
                                       std::span<std::byte>, CudaStream);
template void embedding_update_apply(std::span<const TableUpdate<int64_t>>, ConstMatrix, int64_t,
                                     Pooling, UpdateKind, const UpdateConstants*,
                                     const UpdateSizes&, std::span<std::byte>, CudaStream);
template void quotient_remainder(int64_t*, int64_t*, const int64_t*, int64_t, int64_t, CudaStream);

}  // namespace hotrow
