#include "data/schema.h"

#include <gtest/gtest.h>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"

namespace hotrow::test {
namespace {

TEST(Schema, NamesAndTypesGoBothWays) {
  for (int i = 0; i <= static_cast<int>(ColumnType::kText); ++i) {
    const auto type = static_cast<ColumnType>(i);
    EXPECT_EQ(parse_column_type(name_of(type)), type);
  }
  for (Transform t : {Transform::kNone, Transform::kLog1p, Transform::kLog3p}) {
    EXPECT_EQ(parse_transform(name_of(t)), t);
  }
  EXPECT_EQ(size_of(ColumnType::kFloat16), 2u);
  EXPECT_EQ(size_of(ColumnType::kInt64), 8u);
  EXPECT_EQ(size_of(ColumnType::kHex32), 0u);
}

TEST(Schema, UnknownNamesListTheKnown) {
  EXPECT_EQ(error_text<InvalidArgument>([] { parse_transform("log2"); }),
            "[transform] got 'log2', expected none, log1p or log3p");
  EXPECT_NE(error_text<InvalidArgument>([] { parse_column_type("int"); }).find("uint32"),
            std::string::npos);
}

TEST(Schema, OfRawCriteo) {
  const Schema schema = criteo_schema();
  ASSERT_EQ(schema.num_dense(), 13u);
  ASSERT_EQ(schema.num_tables(), 26u);
  EXPECT_EQ(schema.numerical[12].name, "I13");
  EXPECT_EQ(schema.numerical[0].transform, Transform::kLog1p);
  EXPECT_EQ(schema.categorical[25].name, "C26");
  EXPECT_EQ(schema.categorical[25].type, ColumnType::kHex32);
}

}  // namespace
}  // namespace hotrow::test
