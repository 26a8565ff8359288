// ldmatrix and mma: the lanes' registers are gathered into matrices and scattered again.
#include <cmath>
#include <cstring>

#include "kernels/core/async.cuh"
#include "kernels/core/table_rows.h"

namespace hotrow {
namespace cuda_on_host {
namespace {

constexpr unsigned kWholeWarp = 0xFFFFFFFFu;

// A row is read when its lane comes, so that rows which other lanes have not written yet show.
struct Load {
  uint16_t row[8];
  uint32_t* r;
};

uint32_t element(void* const* operands, int row, int column) {
  return static_cast<const Load*>(operands[row])->row[column];
}

template <bool kTransposed>
void complete_load(unsigned, void* const* operands) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const int major = lane / 4, minor = 2 * (lane % 4);
    for (int m = 0; m < 4; ++m) {
      const auto at = [&](int j) {
        return kTransposed ? element(operands, 8 * m + j, major)
                           : element(operands, 8 * m + major, j);
      };
      static_cast<const Load*>(operands[lane])->r[m] = at(minor) | at(minor + 1) << 16;
    }
  }
}
constexpr Collective kLoad{"load_matrix4", complete_load<false>};
constexpr Collective kLoadTransposed{"load_matrix4_transposed", complete_load<true>};

struct Product {
  float* c;
  const uint32_t *a, *b;
};
const Product& of(void* operand) { return *static_cast<const Product*>(operand); }

// Which element of A (16, K), B (K, 8) and C (16, 8) lane l has in register i, and there in half h.
struct Place {
  int row, column;
};
Place place_of_c(int l, int i) { return {l / 4 + 8 * (i / 2), 2 * (l % 4) + i % 2}; }

struct Bf16Layout {
  static constexpr int kDepth = 16, kHalves = 2;
  static Place a(int l, int i, int h) {
    return {l / 4 + 8 * (i % 2), 2 * (l % 4) + 8 * (i / 2) + h};
  }
  static Place b(int l, int i, int h) { return {2 * (l % 4) + 8 * i + h, l / 4}; }
  static float value(uint32_t word, int h) {
    return to_float(Bf16{static_cast<uint16_t>(word >> 16 * h)});
  }
};
struct Tf32Layout {
  static constexpr int kDepth = 8, kHalves = 1;
  static Place a(int l, int i, int) { return {l / 4 + 8 * (i % 2), l % 4 + 4 * (i / 2)}; }
  static Place b(int l, int i, int) { return {l % 4 + 4 * i, l / 4}; }
  static float value(uint32_t word, int) { return __uint_as_float(word); }
};

// Sums in double, in order of k, and rounds once; a device does so otherwise.
template <class Layout>
void complete_product(unsigned, void* const* operands) {
  double a[16][Layout::kDepth], b[Layout::kDepth][8];
  for (int l = 0; l < kLanes; ++l) {
    for (int h = 0; h < Layout::kHalves; ++h) {
      for (int i = 0; i < 4; ++i) {
        const Place p = Layout::a(l, i, h);
        a[p.row][p.column] = Layout::value(of(operands[l]).a[i], h);
      }
      for (int i = 0; i < 2; ++i) {
        const Place p = Layout::b(l, i, h);
        b[p.row][p.column] = Layout::value(of(operands[l]).b[i], h);
      }
    }
  }
  for (int l = 0; l < kLanes; ++l) {
    for (int i = 0; i < 4; ++i) {
      const Place p = place_of_c(l, i);
      double sum = of(operands[l]).c[i];
      for (int k = 0; k < Layout::kDepth; ++k) sum += a[p.row][k] * b[k][p.column];
      of(operands[l]).c[i] = static_cast<float>(sum);
    }
  }
}
constexpr Collective kMmaBf16{"mma_bf16", complete_product<Bf16Layout>};
constexpr Collective kMmaTf32{"mma_tf32", complete_product<Tf32Layout>};

}  // namespace

void load_matrix4(uint32_t (&r)[4], const void* shared_row, bool transposed, Where where) {
  const Collective& what = transposed ? kLoadTransposed : kLoad;
  check_shared(what.name, shared_row, 16, 16);
  Load load{{}, r};
  std::memcpy(load.row, shared_row, sizeof load.row);
  meet_warp(what, kWholeWarp, &load, where);
}

void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Where where) {
  Product product{c, a, b};
  meet_warp(kMmaBf16, kWholeWarp, &product, where);
}

void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Where where) {
  const auto rounded = [](uint32_t bits) {
    return (bits & 0x1FFF) == 0 || std::isnan(__uint_as_float(bits));
  };
  bool all = rounded(b[0]) && rounded(b[1]);
  for (uint32_t bits : a) all = all && rounded(bits);
  check(all, "mma_tf32 of a number that round_tf32 has not rounded");
  Product product{c, a, b};
  meet_warp(kMmaTf32, kWholeWarp, &product, where);
}

}  // namespace cuda_on_host

uint32_t round_tf32(float x) {
  const uint32_t bits = __float_as_uint(x);
  if (!std::isfinite(x)) return bits;
  return (bits + 0x1000) & ~uint32_t{0x1FFF};
}

}  // namespace hotrow
