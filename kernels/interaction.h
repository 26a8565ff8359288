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
// may gradients of which all but the first accumulate.
// Determinism: tasks are runs of samples, cut by shape alone; a sample is computed the same way
// wherever it stands, so bits depend neither on threads nor on B. The sum of a dot product runs
// over the lanes of a vector, so its last bits depend on the vector width of the machine; backward
// sums over j in ascending order on every machine.
// Cost: forward 2 B P D flop, 4 B (F D + D + P) bytes; backward 2 B F^2 D flop, 4 B (2 F D + D + P)
// bytes (+ 4 B F D where it accumulates). No scratch memory.
// Errors: InvalidArgument for shapes that do not fit.
// Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation
// Systems" (2019), section 2; the blocking is our own derivation.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/stream.h"
#include "kernels/core/view.h"

namespace hotrow {

struct Feature {
  const float* data;  // (B, D)
  int64_t stride;     // floats from one row to the next, >= D
};

struct FeatureGrad {
  float* data;      // (B, D)
  int64_t stride;   // floats from one row to the next, >= D
  bool accumulate;  // add to what is there instead of overwriting it
};

inline int64_t interaction_pairs(int64_t F, bool self_interaction) {
  return self_interaction ? F * (F + 1) / 2 : F * (F - 1) / 2;
}

void interaction_forward(Matrix z, std::span<const Feature> x, int64_t D, bool self_interaction,
                         CpuStream stream);

// `dx` names one gradient for each of the features `x`.
void interaction_backward(std::span<const FeatureGrad> dx, ConstMatrix dz,
                          std::span<const Feature> x, int64_t D, bool self_interaction,
                          CpuStream stream);

}  // namespace hotrow
