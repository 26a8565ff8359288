#include "data/schema_json.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "tests/data/rows_maker.h"
#include "tests/fuzz/schema_json_target.h"
#include "tests/support/expect_throws.h"
#include "tests/support/mutate.h"

namespace hotrow {
namespace {

TEST(SchemaJson, ComesBackAsItWas) {
  const Schema schema = test::mixed_schema();
  const std::string text = schema_to_json(schema);
  const Schema back = schema_from_json(text, "file");
  EXPECT_EQ(schema_to_json(back), text);
  EXPECT_EQ(back.label.name, "click");
  EXPECT_EQ(back.label.type, ColumnType::kBool);
  ASSERT_EQ(back.numerical.size(), schema.numerical.size());
  EXPECT_EQ(back.numerical[3].type, ColumnType::kFloat16);
  EXPECT_EQ(back.numerical[3].applied, Transform::kLog1p);
  EXPECT_EQ(back.numerical[1].transform, Transform::kLog3p);
  ASSERT_EQ(back.categorical.size(), schema.categorical.size());
  EXPECT_EQ(back.categorical[4].cardinality, int64_t{1} << 40);
  EXPECT_EQ(back.categorical[3].hotness, 5);
  EXPECT_FALSE(back.categorical[3].fixed_hotness);
  EXPECT_EQ(back.categorical[1].name, "byte");
}

TEST(SchemaJson, OneLineWithTheNamesOfTheHeader) {
  Schema schema = criteo_schema(1, 1);
  schema.categorical[0].cardinality = 1460;
  EXPECT_EQ(schema_to_json(schema),
            R"({"label":{"name":"label","type":"int32"},)"
            R"("numerical":[{"name":"I1","type":"int32","applied":"none","transform":"log1p"}],)"
            R"("categorical":[{"name":"C1","type":"hex32","cardinality":1460,"hotness":1,)"
            R"("fixed_hotness":true}]})");
}

TEST(SchemaJson, RefusesWhatIsNone) {
  const std::string good = schema_to_json(test::mixed_schema());
  const auto refused = [&](const std::string& from, const std::string& to, const char* words) {
    const std::string bad = std::regex_replace(good, std::regex(from), to);
    ASSERT_NE(bad, good) << from;
    EXPECT_THROWS(DataError, words, schema_from_json(bad, "clicks.hotrow"));
  };
  EXPECT_THROWS(DataError, "[clicks.hotrow] no schema:", schema_from_json("{", "clicks.hotrow"));
  EXPECT_THROWS(DataError, "no schema:", schema_from_json("[]", "clicks.hotrow"));
  EXPECT_THROWS(DataError, "no schema:", schema_from_json("", "clicks.hotrow"));
  refused("\"label\"", "\"lable\"", "label");
  refused("\"log1p\"", "\"log2p\"", "got 'log2p', expected none, log1p or log3p");
  refused("\"bool\"", "\"bit\"", "got 'bit', expected one of bool");
  refused("\"hotness\":3", "\"hotness\":0", "hotness: got 0, expected an integer from 1 to");
  refused("\"hotness\":3", "\"hotness\":2147483648", "hotness: got 2147483648");
  refused("\"hotness\":3", "\"hotness\":1.5", "hotness: got 1.5, expected an integer");
  refused("\"cardinality\":256", "\"cardinality\":-1", "cardinality: got -1");
  refused("\"cardinality\":256", "\"cardinality\":9223372036854775808", "cardinality: got 9223");
  refused("\"fixed_hotness\":true", "\"fixed_hotness\":1", "boolean");
}

TEST(SchemaJson, MutatedTextIsRefusedOrSurvives) {
  const std::string good = schema_to_json(test::mixed_schema());
  ASSERT_TRUE(fuzz::read_schema_json(good));
  int bad = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    bad += !fuzz::read_schema_json(test::Mutator(seed)(good));
  }
  EXPECT_GT(bad, 1000);
}

}  // namespace
}  // namespace hotrow
