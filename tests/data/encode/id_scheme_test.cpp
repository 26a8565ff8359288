#include "data/encode/id_scheme.h"

#include <gtest/gtest.h>

#include <vector>

#include "data/vocabulary.h"
#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"

namespace hotrow {
namespace {

TEST(IdScheme, Conventions) {
  const IdScheme hotrow = id_convention("hotrow"), reference = id_convention("reference"),
                 nvidia = id_convention("nvidia"), torchrec = id_convention("torchrec");
  EXPECT_EQ(hotrow.first_id, 1);
  EXPECT_EQ(hotrow.unseen_id, 0);
  EXPECT_EQ(hotrow.min_frequency, 1);
  EXPECT_EQ(reference.first_id, 0);
  EXPECT_EQ(reference.unseen_id, IdScheme::kNoRow);
  EXPECT_EQ(reference.min_frequency, 1);
  EXPECT_EQ(nvidia.order, IdOrder::kFrequency);
  EXPECT_EQ(nvidia.first_id, 1);
  EXPECT_EQ(nvidia.unseen_id, 0);
  EXPECT_EQ(nvidia.min_frequency, 15);
  EXPECT_EQ(torchrec.order, IdOrder::kFirst);
  EXPECT_EQ(torchrec.first_id, 2);
  EXPECT_EQ(torchrec.unseen_id, 1);
  EXPECT_EQ(torchrec.min_frequency, 3);
  EXPECT_THROWS(InvalidArgument, "[convention] got 'x', expected hotrow", id_convention("x"));
  EXPECT_THROWS(InvalidArgument, "[ids] got 'x', expected first", parse_id_order("x"));
  for (IdOrder order : {IdOrder::kFirst, IdOrder::kFrequency, IdOrder::kHash}) {
    EXPECT_EQ(parse_id_order(name_of(order)), order);
  }
}

TEST(IdScheme, MinimumFrequencies) {
  const Schema schema = criteo_schema(1, 4);
  using Vector = std::vector<int64_t>;
  EXPECT_EQ(parse_min_frequencies("", schema, 15), (Vector{15, 15, 15, 15}));
  EXPECT_EQ(parse_min_frequencies("3", schema, 15), (Vector{3, 3, 3, 3}));
  EXPECT_EQ(parse_min_frequencies("3,C3:5,C1:1", schema, 15), (Vector{1, 3, 5, 3}));
  EXPECT_EQ(parse_min_frequencies("C2:7", schema, 15), (Vector{15, 7, 15, 15}));
  EXPECT_THROWS(InvalidArgument, "got 'C9', expected one of C1, C2, C3, C4",
                parse_min_frequencies("C9:1", schema, 1));
  EXPECT_THROWS(InvalidArgument, "column named twice: got 'C1:2' again",
                parse_min_frequencies("C1:1,C1:2", schema, 1));
  for (const char* bad : {"0", "-1", "x", "1x", "C1:", "C1:0", "1,", ",", "99999999999999999999"}) {
    EXPECT_THROWS(InvalidArgument, "expected a number of at least 1",
                  parse_min_frequencies(bad, schema, 1));
  }
}

TEST(IdScheme, HashesLikeTheTrainersVocabulary) {
  const Vocabulary vocabulary = Vocabulary::hashed(1013, 5);
  for (uint32_t i = 0; i < 200; ++i) {
    const auto value = static_cast<uint32_t>(mix64(i));
    EXPECT_EQ(hashed_id(value, i % 5, 1013), vocabulary.id(i % 5, value));
  }
}

}  // namespace
}  // namespace hotrow
