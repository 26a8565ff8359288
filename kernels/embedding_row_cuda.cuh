// One row of a table on a GPU: its columns as floats, the rules of kernels/embedding_update.h, and
// the way back, split or rounded at random.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "kernels/core/columns.cuh"
#include "kernels/core/table_rows.h"
#include "kernels/embedding_update_cuda.cuh"
#include "kernels/update_rule.h"

namespace hotrow {

// 16 bits of each of kVec neighbouring columns, in the low half of each word.
template <int kVec>
struct Halves {
  uint32_t x[kVec];
};

// ---- memory ----

template <int kVec>
__device__ __forceinline__ Halves<kVec> load_halves(const uint16_t* from) {
  Halves<kVec> h;
  if constexpr (kVec == 4) {
    const uint2 words = *reinterpret_cast<const uint2*>(from);
    h = {{words.x & 0xFFFF, words.x >> 16, words.y & 0xFFFF, words.y >> 16}};
  } else {
    h.x[0] = *from;
  }
  return h;
}

template <int kVec>
__device__ __forceinline__ void store_halves(uint16_t* to, const Halves<kVec>& h) {
  if constexpr (kVec == 4) {
    *reinterpret_cast<uint2*>(to) = {h.x[0] | h.x[1] << 16, h.x[2] | h.x[3] << 16};
  } else {
    *to = static_cast<uint16_t>(h.x[0]);
  }
}

// ---- numbers of 16 bits ----

// x between two neighbours of its type goes to the one further from zero if the part of the step
// that it has done, in 2^-16, and the random number come to 2^16.
__device__ __forceinline__ uint32_t round_to_bf16(float x, uint32_t random) {
  const uint32_t bits = __float_as_uint(x);
  return x != x ? bits >> 16 | 0x40u : (bits + random) >> 16;
}

__device__ __forceinline__ uint32_t round_to_fp16(float x, uint32_t random) {
  const float size = fabsf(x);
  uint32_t magnitude;
  if (x != x) {
    magnitude = 0x7E00;
  } else if (size < 0x1p-14f) {  // a step is 2^-24
    magnitude = (static_cast<uint32_t>(rintf(size * 0x1p40f)) + random) >> 16;
  } else {  // From 2^16 on all is infinity. A half's exponent counts from 112 less than a float's.
    const uint32_t capped = __float_as_uint(fminf(size, 0x1p16f));
    magnitude = (capped + (random >> 3) - (112u << 23)) >> 13;
  }
  return (__float_as_uint(x) >> 16 & 0x8000u) | magnitude;
}

// Where the random numbers of a row come from.
struct RandomRow {
  RoundingKey key;
  uint64_t step;
  uint32_t row;
};

// The 16 random bits of the columns from `column`, a multiple of kVec.
template <int kVec>
__device__ __forceinline__ Halves<kVec> draw(const RandomRow& at, int column) {
  uint32_t c[4] = {static_cast<uint32_t>(column / 8), at.row, static_cast<uint32_t>(at.step),
                   static_cast<uint32_t>(at.step >> 32)};
  uint32_t k0 = at.key.seed, k1 = at.key.table;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{c[0]} * 0xD2511F53u, p1 = uint64_t{c[2]} * 0xCD9E8D57u;
    c[0] = static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0;
    c[2] = static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<uint32_t>(p1);
    c[3] = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const bool upper = column % 8 >= 4;
  const uint32_t first = upper ? c[2] : c[0], second = upper ? c[3] : c[1];
  Halves<kVec> bits;
  for (int i = 0; i < kVec; ++i) {
    const int half = kVec == 4 ? i : column % 4;
    bits.x[i] = (half < 2 ? first : second) >> (16 * (half % 2)) & 0xFFFF;
  }
  return bits;
}

// ---- rows ----

template <int kVec>
__device__ __forceinline__ Columns<kVec> load_row(const TablePlan& table, int64_t at) {
  if (table.type == TableType::kFloat32) {
    return load_columns<kVec>(static_cast<const float*>(table.rows) + at);
  }
  const auto high = load_halves<kVec>(static_cast<const uint16_t*>(table.rows) + at);
  Halves<kVec> low{};
  if (table.type == TableType::kSplitBf16) low = load_halves<kVec>(table.low + at);
  Columns<kVec> w;
  for (int i = 0; i < kVec; ++i) {
    const auto bits = static_cast<uint16_t>(high.x[i]);
    w.x[i] = table.type == TableType::kFp16
                 ? widen(Fp16{bits})
                 : join_halves(Bf16{bits}, static_cast<uint16_t>(low.x[i]));
  }
  return w;
}

// Writes columns `column`, ... of the row, elements `at`, ... of the table.
template <int kVec>
__device__ __forceinline__ void store_row(const TablePlan& table, int64_t at,
                                          const Columns<kVec>& w, const RandomRow& random,
                                          int column) {
  if (table.type == TableType::kFloat32) {
    store_columns(static_cast<float*>(table.rows) + at, w);
    return;
  }
  Halves<kVec> high;
  if (table.type == TableType::kSplitBf16) {
    Halves<kVec> low;
    for (int i = 0; i < kVec; ++i) {
      high.x[i] = high_half(w.x[i]).bits;
      low.x[i] = low_half(w.x[i]);
    }
    store_halves(table.low + at, low);
  } else {
    const auto bits = draw<kVec>(random, column);
    for (int i = 0; i < kVec; ++i) {
      high.x[i] = table.type == TableType::kBf16 ? round_to_bf16(w.x[i], bits.x[i])
                                                 : round_to_fp16(w.x[i], bits.x[i]);
    }
  }
  store_halves(static_cast<uint16_t*>(table.rows) + at, high);
}

// What a rule keeps of the columns: nothing, the sums of squares, or both moments.
template <int kVec>
struct RowState {
  Columns<kVec> first, second;
};

template <int kVec>
__device__ __forceinline__ RowState<kVec> load_state(UpdateKind kind, const TablePlan& table,
                                                     int64_t at) {
  RowState<kVec> s{};
  if (kind == UpdateKind::kAdagrad || kind == UpdateKind::kAdam) {
    s.first = load_columns<kVec>(table.state + at);
  }
  if (kind == UpdateKind::kAdam) {
    s.second = load_columns<kVec>(table.state + table.elements + at);
  }
  return s;
}

template <int kVec>
__device__ __forceinline__ void store_state(UpdateKind kind, const TablePlan& table, int64_t at,
                                            const RowState<kVec>& s) {
  if (kind == UpdateKind::kAdagrad || kind == UpdateKind::kAdam) {
    store_columns(table.state + at, s.first);
  }
  if (kind == UpdateKind::kAdam) store_columns(table.state + table.elements + at, s.second);
}

// ---- rules ----

// `rate`: the learning rate, of kRowwiseAdagrad the row's own.
template <int kVec>
__device__ __forceinline__ void apply_rule(UpdateKind kind, const UpdateConstants& c, float rate,
                                           Columns<kVec>& w, RowState<kVec>& s,
                                           const Columns<kVec>& g) {
  for (int i = 0; i < kVec; ++i) {
    float step = g.x[i];
    if (kind == UpdateKind::kAdagrad) {
      s.first.x[i] = fmaf(step, step, s.first.x[i]);
      step = step / (sqrtf(s.first.x[i]) + c.eps);
    } else if (kind == UpdateKind::kAdam) {
      float &m = s.first.x[i], &v = s.second.x[i];
      m = fmaf(c.blend1, step - m, m);
      v = fmaf(c.blend2, fmaf(step, step, -v), v);
      step = m / (sqrtf(v) + c.eps);
    }
    w.x[i] = fmaf(-rate, step, w.x[i]);
  }
}

}  // namespace hotrow
