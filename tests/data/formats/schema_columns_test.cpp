// Files without a header, whose columns a schema file tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "data/formats.h"
#include "kernels/core/check.h"
#include "tests/data/formats/rows_check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSchema = R"(
label: bought
columns: [bought, age, price, stock, visits, shop, goods, pages]
numerical:
  - {columns: [age, price], type: int, transform: none}
  - {columns: [stock, visits], type: int, transform: log3p}
categorical:
  - {columns: shop, type: int, cardinality: 9}
  - {columns: goods, type: int, cardinality: 10, list: "|", max_values: 3}
  - {columns: pages, hash: 11, list: "|", max_values: 5}
)";

class SchemaColumns : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    rows_ = sample_rows(multi_hot_schema(true), 40);
    write_all(*find_format("hugectr-raw").create(path("a.bin"), multi_hot_schema(true), {}), rows_);
  }

  void forget_facts() const { std::filesystem::remove(path("a_fea_count.npz")); }

  std::unique_ptr<RowSource> open(const char* format, const std::string& yaml) {
    write("s.yaml", yaml);
    SourceOptions options;
    options.schema_file = path("s.yaml");
    return find_format(format).open(path("a.bin"), options);
  }
  std::string error(const char* format, const std::string& yaml) {
    return error_text<DataError>([&] { open(format, yaml); });
  }

  Rows rows_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST_F(SchemaColumns, TellAllOfRaw) {
  forget_facts();
  const auto source = open("hugectr-raw", kSchema);
  expect_same_rows(read_all(*source), rows_);
  const Schema& schema = source->schema();
  EXPECT_EQ(schema.label.name, "bought");
  EXPECT_EQ(schema.numerical[1].name, "price");
  EXPECT_EQ(schema.numerical[1].transform, Transform::kNone);
  EXPECT_EQ(schema.numerical[3].name, "visits");
  EXPECT_EQ(schema.numerical[3].transform, Transform::kLog3p);
  EXPECT_EQ(schema.numerical[3].type, ColumnType::kInt32);
  EXPECT_EQ(schema.categorical[1].name, "goods");
  EXPECT_EQ(schema.categorical[1].cardinality, 10);
  EXPECT_EQ(schema.categorical[1].hotness, 3);
  EXPECT_TRUE(schema.categorical[1].fixed_hotness);
  EXPECT_EQ(schema.categorical[2].cardinality, 11);

  const std::string floats =
      replaced(replaced(kSchema, "type: int, transform: none", "type: float"),
               "type: int, transform: log3p", "transform: none");
  EXPECT_EQ(open("hugectr-raw", floats)->schema().numerical[0].type, ColumnType::kFloat32);
}

TEST_F(SchemaColumns, GoWithColumnFacts) {
  // How the values are stored, and table sizes that the schema leaves open, stand in the facts.
  const auto source = open("hugectr-raw", replaced(replaced(kSchema, "cardinality: 10, ", ""),
                                                   "type: int, transform: none", "type: float"));
  expect_same_rows(read_all(*source), rows_);
  EXPECT_EQ(source->schema().numerical[0].transform, Transform::kLog1p);
  EXPECT_EQ(source->schema().categorical[1].name, "goods");
  EXPECT_EQ(source->schema().categorical[1].cardinality, 10);
  EXPECT_THAT(
      error("hugectr-raw", replaced(kSchema, "cardinality: 9", "cardinality: 8")),
      HasSubstr("s.yaml] cardinality of shop: got 8, expected 9 as is known of " + path("a.bin")));
  EXPECT_THAT(error("hugectr-raw", replaced(kSchema, "[age, price]", "[age]")),
              HasSubstr("s.yaml] columns: got 3 numerical and 3 categorical, expected 4 and 3 as " +
                        path("a.bin") + " has"));
}

TEST_F(SchemaColumns, ThatDoNotFitTheFile) {
  forget_facts();
  EXPECT_THAT(error_text<DataError>([&] { find_format("hugectr-raw").open(path("a.bin"), {}); }),
              HasSubstr("beside it with the arrays counts and hotness, or --schema-file"));
  EXPECT_THAT(
      error("hugectr-raw", replaced(kSchema, "type: int, transform: none", "type: float")),
      HasSubstr("s.yaml] numerical columns: got 2 of type int among 4, expected all or none"));
  EXPECT_THAT(error("hugectr-raw", replaced(kSchema, "max_values: 3", "max_values: 4")),
              HasSubstr("2240 bytes = 37 samples of 60 bytes + 20 bytes, expected whole samples"));
  EXPECT_THAT(error_text<DataError>([&] {
                const auto source =
                    open("hugectr-raw", replaced(kSchema, "cardinality: 10", "cardinality: 3"));
                read_all(*source);
              }),
              HasSubstr("column goods: got id "));
}

TEST_F(SchemaColumns, OfMlperfsFile) {
  const Rows rows = sample_rows(sized_criteo_schema(), 20);
  write_all(*find_format("mlperf-bin").create(path("a.bin"), sized_criteo_schema(), {}), rows);
  forget_facts();
  const std::string yaml =
      "label: 1\nnumerical: [{columns: 2-14, type: int, transform: log3p}]\n"
      "categorical: [{columns: 15-39, type: int}, {columns: 40, type: int, cardinality: 176}]\n";
  const auto source = open("mlperf-bin", yaml);
  expect_same_rows(read_all(*source), rows);
  EXPECT_EQ(source->schema().numerical[12].name, "column14");
  EXPECT_EQ(source->schema().numerical[12].transform, Transform::kLog3p);
  EXPECT_EQ(source->schema().categorical[24].cardinality, 0);
  EXPECT_EQ(source->schema().categorical[25].cardinality, 176);
  EXPECT_THAT(error("mlperf-bin", replaced(yaml, "15-39", "15-38")),
              HasSubstr("got 13 numerical and 25 categorical, expected 13 and 26"));
}

TEST_F(SchemaColumns, AreRefusedWhereTheFileTellsThem) {
  EXPECT_EQ(error_text<InvalidArgument>([] { check_schema_file(find_format("kaggle"), "s"); }),
            "[--schema-file] does not go with this data: got kaggle, which tells its columns "
            "itself, expected one of text, mlperf-bin, hugectr-raw");
  for (const char* format : {"text", "mlperf-bin", "hugectr-raw"})
    check_schema_file(find_format(format), "s");
  check_schema_file(find_format("kaggle"), "");
}

}  // namespace
}  // namespace hotrow::test
