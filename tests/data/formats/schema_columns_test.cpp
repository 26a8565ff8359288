// Files without a header, whose columns a schema file tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "data/formats.h"
#include "data/npz.h"
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

using List = std::vector<int64_t>;

class SchemaColumns : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    rows_ = sample_rows(multi_hot_schema(true), 40);
    write_all(*find_format("hugectr-raw").create(path("a.bin"), multi_hot_schema(true), {}), rows_);
  }

  // In the place of the file's own; what is empty is left out.
  void facts(const std::string& dense_type, const List& hotness, const List& counts) const {
    const std::u32string type(dense_type.begin(), dense_type.end());
    const std::vector<int64_t> num_dense = {4};
    NpzWriter npz(path("a_fea_count.npz"));
    npz.add("num_dense", num_dense, {});
    if (!counts.empty()) npz.add("counts", counts, {std::ssize(counts)});
    if (!hotness.empty()) npz.add("hotness", hotness, {std::ssize(hotness)});
    if (!type.empty()) {
      npz.add("dense_type", {NpyType::kText, std::ssize(type) * 4, {}, false},
              std::as_bytes(std::span(type)));
    }
    npz.finish();
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
  // Table sizes that the schema leaves open stand in the facts.
  const auto source = open("hugectr-raw", replaced(kSchema, "cardinality: 10, ", ""));
  expect_same_rows(read_all(*source), rows_);
  EXPECT_EQ(source->schema().numerical[0].transform, Transform::kNone);
  EXPECT_EQ(source->schema().categorical[1].name, "goods");
  EXPECT_EQ(source->schema().categorical[1].cardinality, 10);
  EXPECT_THAT(
      error("hugectr-raw", replaced(kSchema, "cardinality: 9", "cardinality: 8")),
      HasSubstr("s.yaml] cardinality of shop: got 8, expected 9 as is known of " + path("a.bin")));
  EXPECT_THAT(error("hugectr-raw", replaced(kSchema, "[age, price]", "[age]")),
              HasSubstr("s.yaml] columns: got 3 numerical and 3 categorical, expected 4 and 3 as " +
                        path("a.bin") + " has"));
  EXPECT_THAT(error("hugectr-raw", replaced(kSchema, "type: int, transform: log3p", "type: float")),
              HasSubstr("s.yaml] type of stock: got float, expected int as in " + path("a.bin")));
  EXPECT_THAT(error("hugectr-raw", replaced(kSchema, "max_values: 3", "max_values: 4")),
              HasSubstr("s.yaml] ids a sample of goods: got 4, expected 3 as in " + path("a.bin")));
  facts("float32", {1, 3, 5}, {9, 10, 11});
  EXPECT_THAT(error("hugectr-raw", kSchema),
              HasSubstr("s.yaml] type of age: got int, expected float as in " + path("a.bin")));
}

// As facebookresearch/dlrm writes it, with table sizes alone; and the other way round.
TEST_F(SchemaColumns, TellWhatColumnFactsLeaveOpen) {
  for (const auto& [type, hotness, counts] :
       {std::tuple("", List{}, List{9, 10, 11}), std::tuple("", List{1, 3, 5}, List{}),
        std::tuple("int32", List{}, List{})}) {
    facts(type, hotness, counts);
    const auto source = open("hugectr-raw", kSchema);
    expect_same_rows(read_all(*source), rows_);
    EXPECT_EQ(source->schema().numerical[3].type, ColumnType::kInt32);
    EXPECT_EQ(source->schema().categorical[1].cardinality, 10);
  }
  facts("", {}, {9, 10});
  EXPECT_THAT(error("hugectr-raw", kSchema),
              HasSubstr("s.yaml] columns: got 4 numerical and 3 categorical, expected 4 and 2"));
}

TEST_F(SchemaColumns, NeedNoTableSizes) {
  facts("int32", {1, 3, 5}, {});
  const auto source = find_format("hugectr-raw").open(path("a.bin"), {});
  expect_same_rows(read_all(*source), rows_);
  EXPECT_EQ(source->schema().categorical[1].cardinality, 0);
  EXPECT_EQ(source->schema().categorical[1].hotness, 3);
  facts("int32", {}, {});
  EXPECT_THAT(error_text<DataError>([&] { find_format("hugectr-raw").open(path("a.bin"), {}); }),
              HasSubstr("a_fea_count.npz] tables of " + path("a.bin") +
                        ": got no list of them, expected the array counts or hotness"));
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
  EXPECT_EQ(error_text<InvalidArgument>([] { choose_format("kaggle", "x", "s"); }),
            "[--schema-file] does not go with this data: got kaggle, which tells its columns "
            "itself, expected one of text, mlperf-bin, hugectr-raw");
  for (const char* format : {"text", "mlperf-bin", "hugectr-raw"})
    EXPECT_EQ(choose_format(format, "x", "s").name, format);
  EXPECT_EQ(choose_format("kaggle", "x", "").name, "kaggle");
}

TEST_F(SchemaColumns, AreDetectedAsWithoutThemElseText) {
  std::string line = "1";
  for (int i = 0; i < 39; ++i) line += "\t7";
  write("criteo.tsv", line + "\n");
  write("some.csv", "1,2,3\n");
  write("records.bin", std::string(320, '\0'));
  write_all(*find_format("native").create(path("a.hotrow"), multi_hot_schema(), {}),
            sample_rows(multi_hot_schema(), 3));
  const auto chosen = [&](const char* name, const char* schema) {
    return choose_format("auto", path(name), schema).name;
  };
  EXPECT_EQ(chosen("criteo.tsv", ""), "criteo-tsv");
  EXPECT_EQ(chosen("criteo.tsv", "s"), "text");
  EXPECT_EQ(chosen("some.csv", "s"), "text");
  EXPECT_EQ(chosen("none", "s"), "text") << "which says that it is missing";
  EXPECT_EQ(chosen("records.bin", ""), "mlperf-bin");
  EXPECT_EQ(chosen("records.bin", "s"), "mlperf-bin");
  EXPECT_EQ(chosen("a.hotrow", ""), "native");
  EXPECT_THAT(error_text<InvalidArgument>([&] { chosen("a.hotrow", "s"); }),
              HasSubstr("got native, which tells its columns itself"));
}

}  // namespace
}  // namespace hotrow::test
