#include "data/formats/feature_spec.h"

#include <gtest/gtest.h>

#include "kernels/core/check.h"
#include "tests/data/formats/spec_examples.h"
#include "tests/fuzz/feature_spec.h"
#include "tests/support/expect_throws.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

FeatureSpec parse(const std::string& text) { return parse_feature_spec(text, "f.yaml"); }

TEST(FeatureSpec, ReadsSplitBinary) {
  const FeatureSpec spec = parse(kSplitSpec);
  EXPECT_FALSE(spec.csv);
  ASSERT_EQ(spec.schema.num_dense(), 2u);
  ASSERT_EQ(spec.schema.num_tables(), 2u);
  EXPECT_EQ(spec.schema.label.name, "label");
  EXPECT_EQ(spec.schema.label.type, ColumnType::kBool);
  EXPECT_EQ(spec.schema.numerical[1].name, "num_1");
  EXPECT_EQ(spec.schema.numerical[1].type, ColumnType::kFloat16);
  EXPECT_EQ(spec.schema.numerical[1].transform, Transform::kNone);
  EXPECT_EQ(spec.schema.categorical[0].type, ColumnType::kInt8);
  EXPECT_EQ(spec.schema.categorical[1].cardinality, 127);
  ASSERT_EQ(spec.train.size(), 4u);
  EXPECT_EQ(spec.train[0].columns.size(), 2u);
  EXPECT_EQ(spec.train[3].files[0], "train/cat_1.bin");
  EXPECT_EQ(spec.train[3].columns[0].index, 1u);
}

TEST(FeatureSpec, ReadsCsv) {
  const FeatureSpec spec = parse(kCsvSpec);
  EXPECT_TRUE(spec.csv);
  EXPECT_EQ(spec.schema.categorical[0].cardinality, 10);
  EXPECT_EQ(spec.schema.categorical[1].cardinality, 0);
  ASSERT_EQ(spec.train.size(), 4u);
  EXPECT_EQ(spec.train[1].files.size(), 2u);
  ASSERT_EQ(spec.test.size(), 2u);
  EXPECT_EQ(spec.test[1].columns[0].kind, SpecColumn::Kind::kCategorical);
  EXPECT_EQ(spec.test[1].columns[0].index, 2u);
}

TEST(FeatureSpec, WrittenAsReadAndAsNvidiasTools) {
  FeatureSpec spec = parse(kSplitSpec);
  EXPECT_EQ(feature_spec_text(spec), kSplitSpec);
  EXPECT_EQ(feature_spec_text(split_binary_spec(spec.schema)), kSplitSpec);
  spec.schema.numerical[1].applied = Transform::kLog3p;
  const FeatureSpec back = parse(feature_spec_text(spec));
  EXPECT_EQ(back.schema.numerical[0].applied, Transform::kNone);
  EXPECT_EQ(back.schema.numerical[1].applied, Transform::kLog3p);
  EXPECT_EQ(back.schema.numerical[1].transform, Transform::kLog3p);
}

TEST(FeatureSpec, AnyNameSurvives) {
  FeatureSpec spec = parse(kSplitSpec);
  spec.schema.numerical.clear();
  for (const char* name : {"1", "true", "a: b", "x\"y\\z", "tab\tnew\nline", "- c", "", "~", "é"}) {
    spec.schema.label.name = name;
    if (*name == '\0') {
      EXPECT_THROWS(InvalidArgument, "column names", split_binary_spec(spec.schema));
      continue;
    }
    const auto back = parse(feature_spec_text(split_binary_spec(spec.schema)));
    EXPECT_EQ(back.schema.label.name, name);
    EXPECT_EQ(back.schema.num_dense(), 0u);
  }
  spec.schema.label.name = "cat_1.bin";
  EXPECT_THROWS(InvalidArgument, "got 'cat_1.bin' 2 times", split_binary_spec(spec.schema));
}

TEST(FeatureSpec, TypeSwitchesAtStrictlyLess) {
  EXPECT_EQ(split_binary_type(1), ColumnType::kInt8);
  EXPECT_EQ(split_binary_type(126), ColumnType::kInt8);
  EXPECT_EQ(split_binary_type(127), ColumnType::kInt16);
  EXPECT_EQ(split_binary_type(32766), ColumnType::kInt16);
  EXPECT_EQ(split_binary_type(32767), ColumnType::kInt32);
  EXPECT_EQ(split_binary_type(2147483646), ColumnType::kInt32);
  EXPECT_THROWS(InvalidArgument, "got 2147483647, expected one from 1 to 2147483646",
                split_binary_type(2147483647));
  EXPECT_THROWS(InvalidArgument, "got 0, expected", split_binary_type(0));
}

// One broken rule each, and where it is said to be.
TEST(FeatureSpec, BrokenRules) {
  const auto bad = [](const std::string& from, const std::string& to, const std::string& words,
                      int n = 1) {
    EXPECT_THROWS(DataError, words, parse(with(kSplitSpec, from, to, n)));
  };
  bad("metadata", "meta", "got the key 'meta', expected only channel_spec");
  bad("metadata: {}", "source_spec: {}", "'source_spec' twice");
  bad("  label:\n  - label\n", "", "got no key 'label', expected label, numerical, categorical");
  bad("  - label", "  - label\n  - click", "[f.yaml:6:3] bad label channel: got 2 features");
  bad("  - label", "  - num_0", "[f.yaml:8:5] bad channel: got 'num_0' twice");
  bad("  - num_1", "  - {}", "[f.yaml:9:5] bad feature name: got keys with values");
  bad("  - num_1", "  - num_2", "got 'num_1', expected a feature of channel_spec");
  bad("  - cat_0.bin\n", "  - cat_0.bin\n  - more\n", "got 5 features, expected the 6 of");
  bad("    dtype: int8\n", "", "bad feature 'cat_0.bin': got no dtype");
  bad("int8", "int9", "[f.yaml:13:12] bad dtype of 'cat_0.bin': got 'int9'");
  bad("int8", "float32", "bad dtype of categorical 'cat_0.bin': got float32");
  bad("    cardinality: 126\n", "", "bad cardinality of 'cat_0.bin': got none");
  bad("126", "auto", "[f.yaml:12:18] bad cardinality of 'cat_0.bin': got 'auto', expected an int");
  bad("126", "129", "got 129, expected ids that fit int8, the largest of which is 127");
  bad("126", "0", "got '0', expected an integer from 1");
  bad("dtype: bool", "dtype: int8", "bad dtype of label 'label': got int8, expected bool");
  bad("float16", "float32", "bad dtype of numerical 'num_0': got float32, expected float16");
  bad("  train:", "  training:", "got the key 'training', expected only train, test");
  bad("type: split_binary", "type: csv", "got 'csv', expected split_binary");
  bad("type: split_binary", "type: csv", "got 'split_binary', expected csv like the first", 5);
  bad("    - num_0\n    - num_1\n", "    - num_1\n    - num_0\n", "bad numerical chunk");
  bad("    - num_0\n    - num_1\n", "    - num_0\n", "the 2 of the numerical channel");
  bad("    - cat_0.bin\n", "    - cat_0.bin\n    - cat_1.bin\n", "a label or a categorical alone");
  bad("    - cat_1.bin\n", "    - cat_0.bin\n", "got 'cat_0.bin' twice, expected each feature");
  bad("    - cat_1.bin\n", "    - cat_2.bin\n", "got 'cat_2.bin', expected a feature of channel");
  bad("    - label\n", "    []\n", "got no feature, expected one at least");
  bad("    - test/label.bin\n", "    []\n", "got no file, expected one at least");
  bad("    - test/label.bin\n", "    - a\n    - b\n", "got 2 files, expected one");
  bad("    - test/label.bin\n", "    -\n", "bad file: got nothing, expected a text");
  bad("metadata: {}", "metadata: {applied_transforms: [none]}", "got 1 names, expected one for");
  bad("metadata: {}", "metadata: {applied_transforms: [none, log]}", "got 'log', expected none");
  bad("channel_spec", "\tchannel_spec", "bad YAML");
  const size_t last = kSplitSpec.rfind("  - features");
  EXPECT_THROWS(DataError, "bad mapping: got 4 features, expected the 5 of channel_spec",
                parse(kSplitSpec.substr(0, last)));
  EXPECT_THROWS(DataError, "got a list, expected keys with values", parse("[1, 2]"));
  EXPECT_THROWS(DataError, "got nothing, expected keys with values", parse("~"));
  EXPECT_THROWS(DataError, "[f.yaml:2:1] bad YAML: got more after the document, expected its end",
                parse("a: 1\n---\nb: 2\n"));
  EXPECT_THROWS(DataError, "[f.yaml:1:1] bad YAML: got more", parse(", b: 2}\na: 1\n"));
  EXPECT_THROWS(DataError, "bad YAML", parse(std::string(3000, '[')));
  EXPECT_THROWS(DataError, "cannot be read", read_feature_spec("absent/feature_spec.yaml"));
}

TEST(FeatureSpec, MutatedTextIsRefusedOrKeepsTheRules) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    try_feature_spec(Mutator(seed)(seed % 2 == 0 ? kSplitSpec : kCsvSpec));
    try_spec_csv_line(Mutator(seed)("17,0.25,1,-3e2,8.0"));
  }
}

}  // namespace
}  // namespace hotrow::test
