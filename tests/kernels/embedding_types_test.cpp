// Tables whose rows are not floats: lookups read what the rows hold, split rows train as floats,
// the others round as the contract of kernels/embedding_update.h says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "kernels/core/parallel.h"
#include "kernels/embedding_bag.h"
#include "kernels/embedding_update.h"
#include "tests/kernels/embedding_test_data.h"
#include "tests/reference/embedding_update_ref.h"
#include "tests/reference/rounding_ref.h"
#include "tests/support/instruction_sets.h"
#include "tests/support/update_kinds.h"

namespace hotrow {
namespace {

using test::BatchShape;
using test::bits_of;
using test::TestTable;
using test::TypedRows;

constexpr TableType kHalves[] = {TableType::kSplitBf16, TableType::kBf16, TableType::kFp16};
constexpr TableType kRounded[] = {TableType::kBf16, TableType::kFp16};
constexpr int64_t kDims[] = {1, 2, 3, 7, 13, 16, 31, 32, 48, 64, 100, 128, 200, 256, 300, 520};

class EmbeddingTypes : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(1); }
};

// ---- lookups ----

std::vector<float> look_up(const TableLookup<int32_t>& table, int64_t batch, Pooling pooling) {
  std::vector<float> out(static_cast<size_t>(batch * table.rows.cols()));
  embedding_bag_forward<int32_t>({out.data(), {batch, table.rows.cols()}}, {&table, 1}, 0, pooling,
                                 CpuStream{});
  return out;
}

TEST_F(EmbeddingTypes, LookupsReadWhatTheRowsHold) {
  for (TableType type : kHalves) {
    for (int64_t dim : kDims) {
      for (bool weighted : {false, true}) {
        SCOPED_TRACE(fmt::format("{} D={} weighted={}", table_type_name(type), dim, weighted));
        TestTable<int32_t> table(
            {.batch = 29, .rows = 40, .dim = dim, .max_bag = 9, .weighted = weighted}, 5);
        const TypedRows rows(type, 40, dim, table.rows);
        table.rows = rows.seen();
        for (Pooling pooling : {Pooling::kSum, Pooling::kMean}) {
          test::for_each_instruction_set([&] {
            EXPECT_EQ(look_up({rows.rows(), table.bags()}, 29, pooling),
                      look_up(table.lookup(), 29, pooling));
          });
        }
      }
    }
  }
}

TEST_F(EmbeddingTypes, LookupsReadEveryNumberOf16Bits) {
  std::vector<uint16_t> all(0x10000);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const int32_t id = 0;
  for (TableType type : kRounded) {
    const ConstTableRows rows{all.data(), {1, std::ssize(all)}, type};
    test::for_each_instruction_set([&] {
      const auto got = look_up({rows, {nullptr, &id}}, 1, Pooling::kSum);
      for (size_t i = 0; i < all.size(); ++i) {
        const double want = reference::format_of(type).value(all[i]);
        ASSERT_TRUE(got[i] == want || (std::isnan(got[i]) && std::isnan(want))) << i;
      }
    });
  }
}

TEST_F(EmbeddingTypes, WeightGradientsReadWhatTheRowsHold) {
  for (TableType type : kHalves) {
    for (int64_t dim : kDims) {
      SCOPED_TRACE(fmt::format("{} D={}", table_type_name(type), dim));
      TestTable<int32_t> table({.batch = 13, .rows = 9, .dim = dim, .weighted = true}, 5);
      const TypedRows rows(type, 9, dim, table.rows);
      table.rows = rows.seen();
      const auto dout = test::test_floats(13 * dim, 6);
      const auto gradient = [&](const TableLookup<int32_t>& lookup) {
        std::vector<float> dweights(table.ids.size());
        embedding_bag_weight_grad(dweights.data(), {dout.data(), {13, dim}}, 0, lookup,
                                  Pooling::kMean, CpuStream{});
        return dweights;
      };
      test::for_each_instruction_set([&] {
        EXPECT_EQ(gradient({rows.rows(), table.bags()}), gradient(table.lookup()));
      });
    }
  }
}

TEST_F(EmbeddingTypes, TablesOfOneCallMayDiffer) {
  const TestTable<int32_t> table({.batch = 300, .rows = 50, .dim = 24, .max_bag = 20}, 5);
  const TypedRows half(TableType::kFp16, 50, 24, table.rows);
  const auto run = [&] {
    std::vector<float> out(300 * 48);
    const TableLookup<int32_t> tables[] = {table.lookup(), {half.rows(), table.bags()}};
    embedding_bag_forward<int32_t>({out.data(), {300, 48}}, tables, 0, Pooling::kSum, CpuStream{});
    return out;
  };
  const auto want = run();
  EXPECT_EQ(test::columns(want, 48, 0, 24), look_up(table.lookup(), 300, Pooling::kSum));
  EXPECT_EQ(test::columns(want, 48, 24, 24),
            look_up({half.rows(), table.bags()}, 300, Pooling::kSum));
  for (int threads : {2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(run(), want) << threads;
  }
}

// ---- updates ----

void update(const TableUpdate<int32_t>& table, const std::vector<float>& dout, int64_t num_ids,
            const UpdateRule& rule) {
  const int64_t dim = table.rows.cols();
  std::vector<std::byte> scratch(embedding_update_scratch_bytes({&num_ids, 1}));
  embedding_update<int32_t>({&table, 1}, {dout.data(), {std::ssize(dout) / dim, dim}}, 0,
                            Pooling::kSum, rule, scratch, CpuStream{});
}

TEST_F(EmbeddingTypes, SplitRowsTrainAsFloatsBitForBit) {
  for (UpdateKind kind : test::kUpdateKinds) {
    for (int64_t dim : kDims) {
      SCOPED_TRACE(fmt::format("rule {} D={}", static_cast<int>(kind), dim));
      test::for_each_instruction_set([&] {
        TestTable<int32_t> table(
            {.batch = 40, .rows = 30, .dim = dim, .max_bag = 12, .weighted = dim % 2 == 1}, 7);
        table.make_state(kind, 8);
        TypedRows split(TableType::kSplitBf16, 30, dim, table.rows);
        ASSERT_EQ(split.floats(), table.rows);
        std::vector<float> state = table.state;
        for (int64_t step = 1; step <= 4; ++step) {
          const auto dout = test::test_floats(40 * dim, static_cast<uint32_t>(step));
          update(table.update(), dout, table.num_ids(), test::table_rule(kind, step));
          update({split.rows(), state.data(), table.bags()}, dout, table.num_ids(),
                 test::table_rule(kind, step));
          ASSERT_EQ(bits_of(split.floats()), bits_of(table.rows)) << "step " << step;
          ASSERT_EQ(state, table.state) << "step " << step;
        }
      });
    }
  }
}

// The rows of the table that occur, rounded; the others as they were.
std::vector<uint16_t> rounded_by_reference(const TypedRows& before,
                                           const TestTable<int32_t>& floats, const RoundingKey& key,
                                           uint64_t step) {
  std::vector<uint16_t> bits = before.high;
  const auto occurs = reference::occurrences(floats.bags(), floats.shape.batch, Pooling::kSum);
  for (const auto& [row, list] : occurs) {
    for (int64_t d = 0; d < before.dim; ++d) {
      const auto at = static_cast<size_t>(row * before.dim + d);
      bits[at] = reference::round_stochastically(floats.rows[at], reference::format_of(before.type),
                                                 reference::random_bits(key, step, row, d));
    }
  }
  return bits;
}

// Each step also by a table of floats that begins with the very same values.
TEST_F(EmbeddingTypes, UpdatesRoundAsDocumented) {
  const RoundingKey key{.seed = 0xDEADBEEF, .table = 0x80000003};
  for (TableType type : kRounded) {
    for (UpdateKind kind : test::kUpdateKinds) {
      for (int64_t dim : kDims) {
        SCOPED_TRACE(
            fmt::format("{} rule {} D={}", table_type_name(type), static_cast<int>(kind), dim));
        test::for_each_instruction_set([&] {
          TestTable<int32_t> table({.batch = 30, .rows = 50, .dim = dim, .max_bag = 5}, 9);
          table.make_state(kind, 10);
          TypedRows rows(type, 50, dim, table.rows);
          std::vector<float> state = table.state;
          for (int64_t step : {int64_t{1}, int64_t{2}, (int64_t{5} << 32) + 7}) {
            const TypedRows before = rows;
            table.rows = rows.floats();
            const auto dout = test::test_floats(30 * dim, static_cast<uint32_t>(step));
            update(table.update(), dout, table.num_ids(), test::table_rule(kind, step));
            update({rows.rows(), state.data(), table.bags(), key}, dout, table.num_ids(),
                   test::table_rule(kind, step));
            ASSERT_EQ(rows.high,
                      rounded_by_reference(before, table, key, static_cast<uint64_t>(step)));
            ASSERT_EQ(state, table.state);
          }
        });
      }
    }
  }
}

TEST_F(EmbeddingTypes, RoundingDoesNotDependOnThreads) {
  for (TableType type : kHalves) {
    const TestTable<int32_t> table({.batch = 2000, .rows = 5000, .dim = 20, .max_bag = 40}, 3);
    ASSERT_GT(table.num_ids(), 20000);  // many buckets
    const auto dout = test::test_floats(2000 * 20, 4);
    const auto run = [&] {
      TypedRows rows(type, 5000, 20, table.rows);
      update({rows.rows(), nullptr, table.bags(), {1, 2}}, dout, table.num_ids(),
             test::table_rule(UpdateKind::kSgd, 3));
      return std::pair(rows.high, rows.low);
    };
    const auto want = run();
    for (int threads : {2, 3, 8}) {
      set_num_threads(threads);
      EXPECT_EQ(run(), want) << threads;
    }
    set_num_threads(1);
  }
}

// ---- rounding alone ----

// Every value of `x`, a matrix of `dim` columns, rounded: what SGD with rate 1 makes of rows of
// zeros.
std::vector<uint16_t> round_rows(TableType type, const std::vector<float>& x, int64_t dim,
                                 const RoundingKey& key, int64_t step) {
  const int64_t num_rows = std::ssize(x) / dim;
  TypedRows rows(type, num_rows, dim, std::vector<float>(x.size()));
  std::vector<float> dout;
  std::vector<int32_t> ids;
  for (float v : x) dout.push_back(-v);
  for (int64_t r = 0; r < num_rows; ++r) ids.push_back(static_cast<int32_t>(r));
  update({rows.rows(), nullptr, {nullptr, ids.data()}, key}, dout, num_rows,
         {.learning_rate = 1, .step = step});
  return rows.high;
}

TEST_F(EmbeddingTypes, NumbersOfEverySizeRoundAsDocumented) {
  const RoundingKey key{3, 4};
  for (TableType type : kRounded) {
    const reference::Format format = reference::format_of(type);
    std::vector<float> x;
    for (int exponent = -149; exponent < 128; ++exponent) {
      for (float significand : {1.0f, 1.00001f, 1.37f, 1.5f, 1.9999f, 2.0f}) {
        x.push_back(std::ldexp(significand, exponent));
        x.push_back(std::ldexp(-significand, exponent));
      }
    }
    x.push_back(std::numeric_limits<float>::infinity());
    x.push_back(-std::numeric_limits<float>::infinity());
    test::for_each_instruction_set([&] {
      // As one row, and as one column: both coordinates of the random numbers.
      const auto row = round_rows(type, x, std::ssize(x), key, 5);
      const auto column = round_rows(type, x, 1, key, 6);
      for (int64_t i = 0; i < std::ssize(x); ++i) {
        const auto at = static_cast<size_t>(i);
        ASSERT_EQ(row[at], reference::round_stochastically(x[at], format,
                                                           reference::random_bits(key, 5, 0, i)))
            << x[at];
        ASSERT_EQ(column[at], reference::round_stochastically(x[at], format,
                                                              reference::random_bits(key, 6, i, 0)))
            << x[at];
      }
    });
  }
}

TEST_F(EmbeddingTypes, NanStaysNan) {
  for (TableType type : kRounded) {
    for (uint32_t bits : {0x7FC00000u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
      const std::vector<float> nan(37, std::bit_cast<float>(bits));
      test::for_each_instruction_set([&] {
        for (uint16_t rounded : round_rows(type, nan, 37, {1, 2}, 1)) {
          EXPECT_TRUE(std::isnan(reference::format_of(type).value(rounded))) << rounded;
        }
      });
    }
  }
}

// Of n independent roundings of a value that lies a fraction f above its lower neighbour, n f go
// up but for |error| <= sqrt(n ln(2 / p) / 2), except with probability p (Hoeffding 1963). Counted
// along each coordinate of the random numbers.
TEST_F(EmbeddingTypes, RoundingIsUnbiased) {
  constexpr int64_t kDraws = 1 << 16, kDim = 64;
  const double bound = std::sqrt(double{kDraws} * std::log(2 / 1e-9) / 2);
  for (TableType type : kRounded) {
    const reference::Format format = reference::format_of(type);
    for (const float x : {0.7001f, -0.0123f, 3e-6f, -1e-7f}) {
      const uint16_t down = format.toward_zero(std::abs(x));
      const double below = format.magnitude(down);
      const double fraction = (std::abs(double{x}) - below) / (format.magnitude(down + 1) - below);
      ASSERT_GT(fraction, 0.01);
      const std::vector<float> block(kDraws / 16, x);
      const auto ups = [&](int64_t draws, const auto& draw) {
        int64_t count = 0;
        for (int64_t i = 0; i < draws; ++i) {
          for (uint16_t bits : draw(i)) count += (bits & 0x7FFF) != down;
        }
        return static_cast<double>(count);
      };
      SCOPED_TRACE(fmt::format("{} {}", table_type_name(type), x));
      EXPECT_NEAR(ups(16,
                      [&](int64_t i) {
                        return round_rows(type, block, kDim, {9, 9}, i);
                      }),
                  fraction * kDraws, bound);
      const std::vector<float> one(1, x);
      EXPECT_NEAR(ups(kDraws,
                      [&](int64_t i) {
                        return round_rows(type, one, 1, {9, 9}, i);
                      }),
                  fraction * kDraws, bound);
      for (int word : {0, 1}) {
        const auto key = [&](int64_t i) {
          const auto k = static_cast<uint32_t>(i);
          return word == 0 ? RoundingKey{k, 9} : RoundingKey{9, k};
        };
        EXPECT_NEAR(ups(kDraws, [&](int64_t i) { return round_rows(type, one, 1, key(i), 3); }),
                    fraction * kDraws, bound);
      }
    }
  }
}

// The published answers of Random123's kat_vectors, "philox4x32 10".
TEST(Philox, EqualsThePublishedAnswers) {
  using Counter = std::array<uint32_t, 4>;
  EXPECT_EQ(reference::philox({0, 0, 0, 0}, {0, 0}),
            (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(reference::philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(
      reference::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
      (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

}  // namespace
}  // namespace hotrow
