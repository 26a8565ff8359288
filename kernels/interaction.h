// Dot interaction: every pair of a sample's feature vectors meets once.
//
//   forward    z[b] = [x_0[b], dot(x_i[b], x_j[b]) for i > j, row-major: (1,0), (2,0), (2,1), ...]
//              with self_interaction also i == j: (0,0), (1,0), (1,1), ...
//   backward   dx_i[b] (+)= sum_{j != i} g_ij x_j[b],   g_ij = dz[b, D + index of the pair {i, j}]
//              with self_interaction + 2 g_ii x_i[b];   dx_0[b] also gets dz[b, :D]
//
// Shapes: F >= 1 features, each (B, D) with rows `stride` floats apart, so that the output of the
// bottom MLP and the column blocks of one wide embedding output are read where they lie.
// z and dz (B, D + P), P = interaction_pairs(F, self_interaction); B = z.rows(). fp32, any D >= 1.
// Aliasing: outputs overlap neither inputs nor each other. Features may be the same memory, and so
// may gradients of which all but the first accumulate; they add to it in the order of the features.
// Determinism: tasks are runs of samples, cut by shape alone; a sample is computed the same way
// wherever it stands, so bits depend neither on threads nor on B. The sum of a dot product runs
// over the lanes of a vector, so its last bits depend on the vector width of the machine; backward
// sums over j in ascending order on every machine. CUDA: a dot product adds its products in the
// order of the columns, each with one rounding; backward has the CPU's bits.
// Padding: on CUDA z and dz may have up to kInteractionPadding columns more, which become 0 and are
// not read: rows of whole 16 bytes are faster for the product that reads z.
// Cost: forward 2 B P D flop, 4 B (F D + D + P) bytes; backward 2 B F^2 D flop, 4 B (2 F D + D + P)
// bytes (+ 4 B F D where it accumulates). No scratch memory.
// Errors: InvalidArgument for shapes that do not fit; strides, which lie on the device there, are
// not checked by CUDA.
// Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation
// Systems" (2019), section 2; the blocking is our own derivation.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/stream.h"
#include "kernels/core/table_rows.h"
#include "kernels/core/view.h"

namespace hotrow {

constexpr int64_t kInteractionPadding = 7;

template <class T>
struct BasicFeature {
  const T* data;   // (B, D)
  int64_t stride;  // numbers from one row to the next, >= D
};

template <class T>
struct BasicFeatureGrad {
  T* data;          // (B, D)
  int64_t stride;   // numbers from one row to the next, >= D
  bool accumulate;  // add to what is there instead of overwriting it
};

using Feature = BasicFeature<float>;
using FeatureGrad = BasicFeatureGrad<float>;

constexpr int64_t interaction_pairs(int64_t F, bool self_interaction) {
  return self_interaction ? F * (F + 1) / 2 : F * (F - 1) / 2;
}

void interaction_forward(Matrix z, std::span<const Feature> x, int64_t D, bool self_interaction,
                         CpuStream stream);

void interaction_forward(Matrix z, std::span<const Feature> x, int64_t D, bool self_interaction,
                         CudaStream stream);

// `dx` names one gradient for each of the features `x`.
void interaction_backward(std::span<const FeatureGrad> dx, ConstMatrix dz,
                          std::span<const Feature> x, int64_t D, bool self_interaction,
                          CpuStream stream);
void interaction_backward(std::span<const FeatureGrad> dx, ConstMatrix dz,
                          std::span<const Feature> x, int64_t D, bool self_interaction,
                          CudaStream stream);

// The same of numbers in bf16, on tensor cores: products are exact, sums are fp32 in the order of
// the device, and each result is rounded once, with what it is added to.
using Bf16Feature = BasicFeature<Bf16>;
using Bf16FeatureGrad = BasicFeatureGrad<Bf16>;

void interaction_forward(View<Bf16, 2> z, std::span<const Bf16Feature> x, int64_t D,
                         bool self_interaction, CudaStream stream);
void interaction_backward(std::span<const Bf16FeatureGrad> dx, View<const Bf16, 2> dz,
                          std::span<const Bf16Feature> x, int64_t D, bool self_interaction,
                          CudaStream stream);

}  // namespace hotrow
