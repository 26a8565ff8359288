// ldmatrix and mma: the lanes' registers are gathered into matrices and scattered again.
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

// Which element of A (16, 16) and B (16, 8) lane l has in half h of register i, and of C (16, 8) in
// register i.
struct Place {
  int row, column;
};
Place place_of_a(int l, int i, int h) {
  return {l / 4 + 8 * (i % 2), 2 * (l % 4) + 8 * (i / 2) + h};
}
Place place_of_b(int l, int i, int h) { return {2 * (l % 4) + 8 * i + h, l / 4}; }
Place place_of_c(int l, int i) { return {l / 4 + 8 * (i / 2), 2 * (l % 4) + i % 2}; }

float half_of(uint32_t word, int h) {
  return to_float(Bf16{static_cast<uint16_t>(word >> 16 * h)});
}

// Sums in double, in order of k, and rounds once; a device does so otherwise.
void complete_product(unsigned, void* const* operands) {
  double a[16][16], b[16][8];
  for (int l = 0; l < kLanes; ++l) {
    for (int h = 0; h < 2; ++h) {
      for (int i = 0; i < 4; ++i) {
        const Place p = place_of_a(l, i, h);
        a[p.row][p.column] = half_of(of(operands[l]).a[i], h);
      }
      for (int i = 0; i < 2; ++i) {
        const Place p = place_of_b(l, i, h);
        b[p.row][p.column] = half_of(of(operands[l]).b[i], h);
      }
    }
  }
  for (int l = 0; l < kLanes; ++l) {
    for (int i = 0; i < 4; ++i) {
      const Place p = place_of_c(l, i);
      double sum = of(operands[l]).c[i];
      for (int k = 0; k < 16; ++k) sum += a[p.row][k] * b[k][p.column];
      of(operands[l]).c[i] = static_cast<float>(sum);
    }
  }
}
constexpr Collective kMmaBf16{"mma_bf16", complete_product};

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

}  // namespace cuda_on_host
}  // namespace hotrow
