#include "engine/parameters.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/engine/rig.h"

namespace hotrow {
namespace {
using test::copy_of;
using test::error_text;

TEST(Parameters, AreSharedByName) {
  Parameters p;
  EXPECT_EQ(p.add("a", 3, 5), 0);
  EXPECT_EQ(p.add("b", 1, 1), 1);
  EXPECT_EQ(p.add("a", 3, 5), 0);
  EXPECT_EQ(p.list().size(), 2u);
  EXPECT_EQ(p.count(), 16);
  p.allocate(false, UpdateKind::kSgd);
  EXPECT_EQ(p.add("a", 3, 5), 0) << "known names are welcome after allocate()";
}

TEST(Parameters, BeginOnCacheLinesAndDoNotOverlap) {
  Parameters p;
  for (int i = 0; i < 5; ++i) p.add(std::to_string(i), 3, 5 + i);
  p.allocate(true, UpdateKind::kSgd);
  for (int i = 0; i < 5; ++i) {
    for (const Matrix m : {p.value(i), p.gradient(i)}) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(m.data) % kAlignment, 0u);
      EXPECT_EQ(m.rows(), 3);
      EXPECT_EQ(m.cols(), 5 + i);
      for (int64_t j = 0; j < m.size(); ++j) EXPECT_EQ(m.data[j], 0.0f);
      std::fill_n(m.data, m.size(), static_cast<float>(i + 1));
    }
  }
  for (int i = 0; i < 5; ++i) {
    for (float v : copy_of(p.value(i))) EXPECT_EQ(v, static_cast<float>(i + 1));
    for (float v : copy_of(p.gradient(i))) EXPECT_EQ(v, static_cast<float>(i + 1));
  }
}

TEST(Parameters, UpdateTakesEveryParameterDownItsGradient) {
  Parameters p;
  p.add("a", 2, 3);
  p.add("b", 1, 17);
  p.allocate(true, UpdateKind::kSgd);
  for (int i = 0; i < 2; ++i) {
    test::fill(p.value(i), static_cast<uint32_t>(i));
    test::fill(p.gradient(i), static_cast<uint32_t>(10 + i));
  }
  const std::vector<float> before[] = {copy_of(p.value(0)), copy_of(p.value(1))};
  p.update({.kind = UpdateKind::kSgd, .learning_rate = 0.5});
  for (int i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < p.value(i).size(); ++j) {
      // Half a gradient is exact, so one rounding.
      EXPECT_EQ(p.value(i).data[j],
                before[i][static_cast<size_t>(j)] - 0.5f * p.gradient(i).data[j]);
    }
  }
}

// Adagrad divides by the root of all squares so far: the second of two equal steps is 1 / sqrt(2)
// of the first.
TEST(Parameters, UpdateKeepsState) {
  Parameters p;
  p.add("a", 1, 1);
  p.allocate(true, UpdateKind::kAdagrad);
  p.gradient(0).data[0] = 4;
  const UpdateRule rule{.kind = UpdateKind::kAdagrad, .learning_rate = 1};
  p.update(rule);
  EXPECT_FLOAT_EQ(p.value(0).data[0], -1);
  p.update(rule);
  EXPECT_FLOAT_EQ(p.value(0).data[0], -1 - 1 / std::sqrt(2.0f));
}

TEST(Parameters, MemoryIsWhatWasTaken) {
  Parameters p;
  p.add("a", 1, 1);
  p.add("b", 4, 5);
  p.allocate(true, UpdateKind::kAdam);
  const std::vector<MemoryUse> memory = p.memory();
  ASSERT_EQ(memory.size(), 3u);
  EXPECT_EQ(memory[0].bytes, 64u + 128u);
  EXPECT_EQ(memory[1].bytes, 64u + 128u);
  EXPECT_EQ(memory[2].bytes, 2 * (64u + 128u));
}

TEST(Parameters, ServingNeedsNoGradients) {
  Parameters p;
  p.add("a", 4, 5);
  p.allocate(false, UpdateKind::kAdam);
  EXPECT_NE(p.value(0).data, nullptr);
  EXPECT_EQ(p.gradient(0).data, nullptr);
  EXPECT_EQ(p.memory()[1].bytes + p.memory()[2].bytes, 0u);
}

TEST(Parameters, RejectBadCalls) {
  Parameters p;
  p.add("a", 4, 5);
  EXPECT_EQ(error_text([&] { p.add("a", 5, 4); }),
            "[parameters] 'a' was added with another shape: got (5, 4), expected (4, 5)");
  EXPECT_EQ(error_text([&] { p.add("b", 0, 4); }),
            "[parameters] 'b' is empty: got (0, 4), expected at least (1, 1)");
  EXPECT_EQ(error_text([&] { p.add("b", 4, -1); }),
            "[parameters] 'b' is empty: got (4, -1), expected at least (1, 1)");
  p.allocate(true, UpdateKind::kAdagrad);
  EXPECT_EQ(error_text([&] { p.add("b", 5, 4); }),
            "[parameters] 'b' comes too late: got it after allocate(), expected before");
  EXPECT_EQ(error_text([&] { p.allocate(true, UpdateKind::kSgd); }),
            "[parameters] allocate: got a second call, expected one");
  EXPECT_EQ(error_text([&] { p.update({.kind = UpdateKind::kAdam}); }),
            "[parameters] update: got another optimizer than that of allocate(): 128 bytes of "
            "state, expected 256");
  EXPECT_EQ(error_text([&] { p.update({.kind = UpdateKind::kAdagrad}); }), "no error");
}

}  // namespace
}  // namespace hotrow
