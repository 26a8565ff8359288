#include "data/text_schema.h"

#include <gtest/gtest.h>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using Role = TextColumn::Role;

TEST(TextSchema, EveryKey) {
  const TextSchema s = parse_text_schema(R"(separator: tab
columns: [click, price, age, site, device, tags, when, spare]
missing: ["NULL", "?"]
quotes: true
label: {column: click, at_least: 0.5}
numerical:
  - price
  - {columns: [age], type: int, transform: none}
categorical:
  - {columns: [site, 5], type: hex, hash: 1000}
  - {columns: tags, list: "|", max_values: 7, min_frequency: 4}
time: when
min_frequency: 2
)",
                                         "s.yaml");
  EXPECT_EQ(s.separator, '\t');
  EXPECT_TRUE(s.quotes);
  EXPECT_FALSE(s.header);
  EXPECT_EQ(s.num_columns, 8u);
  EXPECT_EQ(s.missing, (std::vector<std::string>{"", "NULL", "?"}));
  EXPECT_EQ(s.label.kind, LabelRule::Kind::kAtLeast);
  EXPECT_EQ(s.label.bound, 0.5);
  ASSERT_EQ(s.columns.size(), 6u);
  EXPECT_EQ(s.columns[0].role, Role::kLabel);
  EXPECT_EQ(s.schema.label.name, "click");
  EXPECT_EQ(s.columns[2].name, "age");
  EXPECT_EQ(s.columns[2].ref.place, 2u);
  EXPECT_EQ(s.columns[4].name, "device");  // by its place
  EXPECT_EQ(s.columns[4].hash_rows, 1000);
  EXPECT_EQ(s.columns[4].min_frequency, 0);
  EXPECT_EQ(s.columns[5].list_separator, '|');
  EXPECT_EQ(s.columns[5].max_values, 7);
  EXPECT_FALSE(s.columns[5].empty_is_zero);
  EXPECT_EQ(s.columns[5].min_frequency, 4);
  ASSERT_EQ(s.time.size(), 1u);
  EXPECT_EQ(s.time[0].place, 6u);
  ASSERT_EQ(s.schema.num_dense(), 2u);
  EXPECT_EQ(s.schema.numerical[0].type, ColumnType::kFloat64);
  EXPECT_EQ(s.schema.numerical[0].transform, Transform::kLog1p);
  EXPECT_EQ(s.schema.numerical[1].type, ColumnType::kInt64);
  EXPECT_EQ(s.schema.numerical[1].transform, Transform::kNone);
  ASSERT_EQ(s.schema.num_tables(), 3u);
  EXPECT_EQ(s.schema.categorical[1].type, ColumnType::kHex32);
  EXPECT_EQ(s.schema.categorical[2].hotness, 7);
  EXPECT_FALSE(s.schema.categorical[2].fixed_hotness);
}

TEST(TextSchema, ALabelThatIsANumber) {
  const auto label = [](const char* yaml) {
    return parse_text_schema(std::string(yaml) + "\nnumerical: [2]\n", "s");
  };
  const TextSchema s = label("label: {column: 1, type: float}");
  EXPECT_EQ(s.label.kind, LabelRule::Kind::kNumber);
  EXPECT_EQ(s.schema.label.type, ColumnType::kFloat32);
  EXPECT_EQ(label("label: {column: 1, type: class}").label.kind, LabelRule::Kind::kBinary);
}

TEST(TextSchema, Defaults) {
  const TextSchema s = parse_text_schema(
      "header: true\nlabel: y\ncategorical: [\"3\", {columns: 4-6, type: int}]\nhash: 10\n", "s");
  EXPECT_EQ(s.separator, ',');
  EXPECT_TRUE(s.quotes);
  EXPECT_EQ(s.num_columns, 0u);
  EXPECT_EQ(s.missing, (std::vector<std::string>{""}));
  EXPECT_EQ(s.label.kind, LabelRule::Kind::kBinary);
  ASSERT_EQ(s.columns.size(), 5u);
  EXPECT_EQ(s.columns[1].ref.name, "3");  // in quotes: a name
  EXPECT_EQ(s.columns[1].hash_rows, 10);
  EXPECT_TRUE(s.columns[1].empty_is_zero);
  EXPECT_EQ(s.columns[4].ref.place, 5u);
  EXPECT_EQ(s.columns[4].name, "column6");
  EXPECT_TRUE(s.time.empty());
  EXPECT_EQ(
      parse_text_schema("label: {column: 2, equals: buy}\nseparator: \";\"\nnumerical: [1]\n", "s")
          .label.text,
      "buy");
}

TEST(TextSchema, CriteoIsBuiltIn) {
  const TextSchema s = criteo_text_schema();
  EXPECT_EQ(s.num_columns, 40u);
  EXPECT_EQ(s.columns[13].name, "I13");
  EXPECT_EQ(s.columns[39].name, "C26");
  EXPECT_EQ(s.columns[39].type, ColumnType::kHex32);
  EXPECT_EQ(s.columns[39].list_separator, '\0');
  EXPECT_EQ(criteo_text_schema(13, 26, 8).schema.categorical[0].hotness, 8);
}

struct Wrong {
  const char* yaml;
  const char* error;
};

TEST(TextSchema, ErrorsSayWhere) {
  const std::string ok = "label: 1\nnumerical: [2]\n";
  const Wrong cases[] = {
      {"", "[s.yaml] bad schema: got nothing, expected keys with values"},
      {"- a\n", "[s.yaml:1:1] bad schema: got a list, expected keys with values"},
      {"label: [\n", "[s.yaml:2:1] bad YAML: got '"},
      {"label: 1\nnumerical: [2]\nlabels: 3\n",
       "[s.yaml:3:1] bad schema: got the key 'labels', expected only label, separator, header"},
      {"label: 1\nlabel: 1\nnumerical: [2]\n",
       "[s.yaml:2:1] bad schema: got 'label' twice, expected each key once"},
      {"numerical: [2]\n", "bad schema: got no key 'label', expected label, separator"},
      {"label: 1\n",
       "bad schema: got a label alone, expected a column under numerical or categorical"},
      {"label: [1]\nnumerical: [2]\n", "[s.yaml:1:8] bad label: got a list, expected a column"},
      {"label: {equals: 1}\nnumerical: [2]\n",
       "[s.yaml:1:8] bad label: got no key 'column', expected column, at_least, equals"},
      {"label: {column: 1, at_least: x}\nnumerical: [2]\n",
       "[s.yaml:1:30] bad at_least: got 'x', expected a number"},
      {"label: {column: 1, at_least: .inf}\nnumerical: [2]\n",
       "at_least: got '.inf', expected a number"},
      {"label: {column: 1, at_least: 1, equals: 1}\nnumerical: [2]\n",
       "expected at most one of at_least, equals and type: float"},
      {"label: {column: 1, at_least: 1, type: float}\nnumerical: [2]\n",
       "expected at most one of at_least, equals and type: float"},
      {"label: {column: 1, type: int}\nnumerical: [2]\n",
       "[s.yaml:1:26] bad type: got 'int', expected one of class, float"},
      {"label: {column: 1, equals: NULL}\nnumerical: [2]\n",
       "bad equals: got nothing, expected a text (in quotes if it is NULL or the like)"},
      {"label: 1-2\nnumerical: [3]\n", "[s.yaml:1:8] bad label: got '1-2', expected one column"},
      {"label: name\nnumerical: [2]\n",
       "[s.yaml:1:8] bad column: got 'name', expected a place, for there is neither header: true "
       "nor"},
      {"columns: [a, b]\nlabel: a\nnumerical: [c]\n",
       "[s.yaml:3:13] bad column: got 'c', expected a name of the list of columns"},
      {"columns: [a, b]\nlabel: a\nnumerical: [3]\n",
       "[s.yaml:3:13] bad column: got '3', expected places from 1 to 2"},
      {"label: 1\nnumerical: [3-2]\n", "column: got '3-2', expected places from 1 to 100000"},
      {"label: 1\nnumerical: [2-999999999]\n", "expected places from 1 to 100000"},
      {"label: 1\nnumerical: [{columns: [2-60000, 2-50000, 2-60000]}]\n",
       "[s.yaml:2:33] bad columns: got '2-50000', expected at most 100000 columns in all"},
      {"label: 1\nnumerical: [2, 2]\n",
       "[s.yaml:2:16] repeated column: got 'column2' again, expected each of them once"},
      {"columns: [a, a]\nlabel: a\nnumerical: [2]\n",
       "[s.yaml:1:14] bad columns: got 'a', expected names that differ"},
      {"columns: []\nlabel: a\nnumerical: [2]\n",
       "bad columns: got an empty list, expected a name at least"},
      {"header: true\ncolumns: [a]\nlabel: a\nnumerical: [2]\n",
       "expected no names beside header: true"},
      {"header: yes\nlabel: a\nnumerical: [2]\n",
       "[s.yaml:1:9] bad header: got 'yes', expected true or false"},
      {"separator: ab\nlabel: 1\nnumerical: [2]\n",
       "[s.yaml:1:12] bad separator: got 'ab', expected comma, tab or"},
      {"separator: \"\\n\"\nlabel: 1\nnumerical: [2]\n", "separator: got '\\x0a', expected comma"},
      {"missing: x\nlabel: 1\nnumerical: [2]\n", "bad missing: got 'x', expected a list"},
      {"missing: [NULL]\nlabel: 1\nnumerical: [2]\n",
       "bad missing: got nothing, expected a text (in quotes if it is NULL or the like)"},
      {"label: 1\nnumerical: 2\n", "numerical: got '2', expected a list of columns"},
      {"label: 1\nnumerical: [[2]]\n", "numerical: got a list, expected a column, or a group"},
      {"label: 1\nnumerical: [{type: int}]\n",
       "bad group: got no key 'columns', expected columns, type, transform"},
      {"label: 1\nnumerical: [{columns: []}]\n",
       "bad columns: got an empty list, expected a column at least"},
      {"label: 1\nnumerical: [{columns: 2, type: hex}]\n",
       "[s.yaml:2:32] bad type: got 'hex', expected one of float, int"},
      {"label: 1\nnumerical: [{columns: 2, transform: log}]\n",
       "transform: got 'log', expected one of log1p, log3p, none"},
      {"label: 1\ncategorical: [{columns: 2, type: float}]\n",
       "type: got 'float', expected one of text, int, hex"},
      {"label: 1\ncategorical: [{columns: 2, hash: 0}]\n",
       "[s.yaml:2:34] bad hash: got '0', expected an integer from 1 to 1099511627776"},
      {"label: 1\ncategorical: [{columns: 2, hash: 5, min_frequency: 2}]\n",
       "bad ids: got 2 rules, expected at most one of hash, cardinality and min_frequency"},
      {"label: 1\ncategorical: [2]\nhash: 5\nmin_frequency: 2\n",
       "bad ids: got hash and min_frequency, expected at most one of them"},
      {"label: 1\ncategorical: [{columns: 2, cardinality: 5}]\n",
       "bad cardinality: got '5', expected type: int or type: hex beside it"},
      {"label: 1\ncategorical: [{columns: 2, list: \",\"}]\n",
       "bad list: got ',', expected another separator"},
      {"label: 1\ncategorical: [{columns: 2, max_values: 3}]\n",
       "bad max_values: got '3', expected it only beside list"},
      {"label: 1\ncategorical: [2]\ntime: 3-4\n",
       "[s.yaml:3:7] bad time: got '3-4', expected one column"},
  };
  for (const Wrong& wrong : cases) {
    const std::string text =
        error_text<DataError>([&] { parse_text_schema(wrong.yaml, "s.yaml"); });
    EXPECT_NE(text.find(wrong.error), std::string::npos) << wrong.yaml << "got: " << text;
  }
  EXPECT_EQ(error_text<DataError>([&] { parse_text_schema(ok, "s"); }), "no error");
}

class TextSchemaFile : public FolderTest {};

TEST_F(TextSchemaFile, IsReadFromDisk) {
  EXPECT_EQ(load_text_schema(write("s.yaml", "label: 1\nnumerical: [2]\n")).columns.size(), 2u);
  EXPECT_NE(error_text<DataError>([&] {
              load_text_schema(path("none.yaml"));
            }).find("none.yaml] cannot be read: got 'No such file or directory', expected a file"),
            std::string::npos);
  EXPECT_NE(error_text<DataError>([&] { load_text_schema(path()); }).find("got a folder"),
            std::string::npos);
}

}  // namespace
}  // namespace hotrow::test
