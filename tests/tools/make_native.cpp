// Native files for the program tests.
//
//   make_native mixed FILE       40 rows of all kinds of columns, which are also printed as JSON
//   make_native clicks FOLDER    train.hotrow (20,000 rows) and test.hotrow (4,000): 2 numbers, 3
//                                columns of ids, the first of which decides most clicks
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "data/formats/native.h"
#include "data/formats/native_writer.h"
#include "tests/data/rows_maker.h"

namespace hotrow::test {
namespace {

nlohmann::json columns_of(const Rows& rows, const Schema& schema) {
  nlohmann::json numbers = {rows.labels}, bags = nlohmann::json::array();
  for (size_t i = 0; i < schema.num_dense(); ++i) {
    std::vector<double> column;
    for (size_t k = i; k < rows.dense.size(); k += schema.num_dense())
      column.push_back(rows.dense[k]);
    numbers.push_back(column);  // NaN as null
  }
  for (const SparseFeature& feature : rows.sparse) {
    nlohmann::json column = nlohmann::json::array();
    for (size_t b = 0; b + 1 < feature.offsets.size(); ++b) {
      column.push_back(std::vector<int64_t>(feature.ids.begin() + feature.offsets[b],
                                            feature.ids.begin() + feature.offsets[b + 1]));
    }
    bags.push_back(column);
  }
  return {{"numbers", numbers}, {"bags", bags}};
}

void make_mixed(const std::string& file) {
  const Schema schema = mixed_schema();
  const Rows rows = RowsMaker(1).mixed(schema, 40);
  NativeWriter writer(file, schema, 16);
  writer.write(rows);
  writer.finish();
  std::puts(columns_of(rows, schema).dump().c_str());
}

Rows clicks(const Schema& schema, int64_t count, uint32_t seed) {
  RowsMaker maker(seed);
  Rows rows;
  rows.start(schema);
  rows.rows = count;
  for (int64_t b = 0; b < count; ++b) {
    const int64_t user = maker.draw(0, 99);
    rows.labels.push_back(maker.draw(0, 9) < (user < 40 ? 8 : 2) ? 1 : 0);
    rows.dense.push_back(static_cast<double>(maker.draw(0, 50)));
    rows.dense.push_back(static_cast<double>(maker.draw(-3, 1000)));
    for (size_t t = 0; t < 3; ++t) {
      rows.sparse[t].ids.push_back(t == 0 ? user
                                          : maker.draw(0, schema.categorical[t].cardinality - 1));
      rows.sparse[t].offsets.push_back(b + 1);
    }
  }
  return rows;
}

void make_clicks(const std::string& folder) {
  Schema schema;
  schema.numerical = {{.name = "age"}, {.name = "price"}};
  schema.categorical = {{.name = "user", .cardinality = 100},
                        {.name = "item", .cardinality = 1000},
                        {.name = "page", .cardinality = 7}};
  for (const bool train : {true, false}) {
    SinkOptions options;
    options.part = train ? "train" : "test";
    const auto sink = create_native(folder, schema, options);
    sink->write(clicks(schema, train ? 20'000 : 4'000, train ? 1 : 2));
    sink->finish();
  }
}

}  // namespace
}  // namespace hotrow::test

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind == "mixed") hotrow::test::make_mixed(argv[2]);
  if (kind == "clicks") hotrow::test::make_clicks(argv[2]);
  return kind == "mixed" || kind == "clicks" ? 0 : 2;
}
