#include "data/text_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "data/criteo_tsv_sink.h"
#include "data/data_stats.h"
#include "data/row_checker.h"
#include "kernels/core/parallel.h"
#include "tests/data/criteo_lines.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

class TextRowsTest : public FolderTest {};

TEST_F(TextRowsTest, GivesWhatTheLinesHold) {
  CriteoLines lines;
  const std::string file = write("a.tsv", lines.next(9000));
  TextSource raw(criteo_text_schema(), {file});
  TextPiece piece;
  RawRows expected;
  ASSERT_TRUE(raw.next_piece(piece));
  raw.parse(expected, piece);

  const auto source = open_criteo_tsv(file, {});
  EXPECT_FALSE(source->can_seek());
  EXPECT_EQ(source->num_rows(), RowSource::kUnknown);
  Rows rows;
  for (int pass = 0; pass < 2; ++pass) {
    int64_t row = 0;
    while (source->next(rows, 700)) {
      ASSERT_EQ(rows.first_row, row);
      ASSERT_LE(rows.rows, 700);
      ASSERT_EQ(rows.labels.size(), static_cast<size_t>(rows.rows));
      for (int64_t b = 0; b < rows.rows && row + b < expected.rows; ++b) {
        const auto i = static_cast<size_t>(row + b), at = static_cast<size_t>(b);
        ASSERT_EQ(rows.labels[at], expected.labels[i]);
        ASSERT_TRUE(rows.dense[at * 13 + 4] == expected.dense[i * 13 + 4] ||
                    std::isnan(expected.dense[i * 13 + 4]));
        for (size_t t = 0; t < 26; ++t) {
          ASSERT_EQ(rows.sparse[t].offsets[at + 1], b + 1);
          ASSERT_EQ(rows.sparse[t].ids[at], static_cast<int64_t>(expected.sparse[t].keys[i]));
        }
      }
      row += rows.rows;
    }
    EXPECT_EQ(row, 9000);
    EXPECT_EQ(rows.rows, 0);
    EXPECT_EQ(source->num_rows(), 9000);
    source->seek(0);
  }
  EXPECT_THROWS(InvalidArgument, "a.tsv] row to go to: got 3, expected 0 (this data",
                source->seek(3));
}

TEST_F(TextRowsTest, HashesWhereTheSchemaSaysSo) {
  const std::string file = write("a.csv", "0,x,12\n1,y,-3\n");
  SourceOptions options;
  EXPECT_THROWS(InvalidArgument, "[text] the columns are not known", open_text(file, options));
  options.schema_file = write("s.yaml", "label: 1\ncategorical: [2, {columns: 3, type: int}]\n");
  EXPECT_THROWS(InvalidArgument, "s.yaml] column 'column2' has no row ids yet: got text",
                open_text(file, options));
  write("s.yaml", "label: 1\ncategorical: [{columns: 2, hash: 50}, {columns: 3, type: int}]\n");
  const auto source = open_text(file, options);
  EXPECT_EQ(source->schema().categorical[0].cardinality, 50);
  EXPECT_EQ(source->schema().categorical[0].type, ColumnType::kInt64);
  Rows rows;
  ASSERT_TRUE(source->next(rows, 10));
  EXPECT_EQ(rows.sparse[1].ids, (std::vector<int64_t>{12, -3}));
  for (int64_t id : rows.sparse[0].ids) EXPECT_TRUE(id >= 0 && id < 50);
  EXPECT_NE(rows.sparse[0].ids[0], rows.sparse[0].ids[1]);
}

TEST_F(TextRowsTest, IsFoundByItsFirstLine) {
  CriteoLines lines;
  const std::string line = lines.next();
  EXPECT_EQ(detect_format(write("a.tsv", line + "rubbish\n")).name, "criteo-tsv");
  EXPECT_TRUE(is_criteo_tsv(write("b.tsv", line.substr(0, line.size() - 1) + "|ff\n")));
  EXPECT_FALSE(is_criteo_tsv(write("c.csv", "a,b\n")));
  EXPECT_FALSE(is_criteo_tsv(path("none")));
  EXPECT_FALSE(is_criteo_tsv(path()));
}

// From lines to lines, without and with lists, plain and gzip.
TEST_F(TextRowsTest, CriteoLinesAreWrittenAsTheyWere) {
  const std::string text = CriteoLines().next(500);
  std::string lists = text;
  lists.insert(lists.size() - 1, "|7|00000008|ffffffff");
  for (const std::string& name : {std::string("out.tsv"), std::string("out.tsv.gz")}) {
    for (const std::string& lines : {text, lists}) {
      const auto source = open_criteo_tsv(write("in.tsv", lines), {});
      const auto sink = create_criteo_tsv(path(name), source->schema(), {});
      EXPECT_EQ(sink->losses().size(), lines == lists ? 1u : 0u);
      Rows rows;
      while (source->next(rows, 300)) sink->write(rows);
      EXPECT_FALSE(std::filesystem::exists(path(name)));
      sink->finish();
      const auto back = open_criteo_tsv(path(name), {});
      Rows again;
      source->seek(0);
      while (source->next(rows, 77)) {
        ASSERT_TRUE(back->next(again, 77));
        EXPECT_EQ(again.labels, rows.labels);
        for (size_t i = 0; i < rows.dense.size(); ++i) {
          EXPECT_TRUE(again.dense[i] == rows.dense[i] ||
                      (std::isnan(again.dense[i]) && std::isnan(rows.dense[i])));
        }
        for (size_t t = 0; t < 26; ++t) {
          EXPECT_EQ(again.sparse[t].ids, rows.sparse[t].ids);
          EXPECT_EQ(again.sparse[t].offsets, rows.sparse[t].offsets);
        }
      }
      EXPECT_FALSE(back->next(again, 77));
      std::filesystem::remove(path(name));
    }
  }
}

TEST_F(TextRowsTest, MissingCategoriesOfCriteoLinesAreToldAsLost) {
  std::string line = "1";
  for (int field = 1; field < 40; ++field) line += field == 20 ? "\t" : "\t7";
  const auto source = open_criteo_tsv(write("in.tsv", line + "\n" + line + "\n"), {});
  Rows rows;
  ASSERT_TRUE(source->next(rows, 5));
  const auto losses = [&](const Schema& schema) {
    const auto sink = create_criteo_tsv(path("o.tsv"), schema, {});
    EXPECT_TRUE(sink->losses().empty());
    sink->write(rows);
    sink->finish();
    return sink->losses();
  };
  EXPECT_EQ(losses(source->schema()),
            std::vector<std::string>{"2 categories that were missing or 0 became 00000000"});
  EXPECT_EQ(read("o.tsv").substr(read("o.tsv").rfind("\t00000000\t"), 10), "\t00000000\t");
  Schema counted = source->schema();  // whose 0 is an id
  for (CategoricalColumn& column : counted.categorical) column.type = ColumnType::kInt32;
  EXPECT_EQ(losses(counted), std::vector<std::string>{});
}

TEST_F(TextRowsTest, CriteoLinesThatCannotBe) {
  Schema schema = criteo_schema();
  const auto source = open_criteo_tsv(write("in.tsv", CriteoLines().next(2)), {});
  Rows good;
  ASSERT_TRUE(source->next(good, 5));
  const auto text_of = [&](auto&& change) {
    Rows rows = good;
    change(rows);
    return error_text<DataError>([&] { create_criteo_tsv(path("o"), schema, {})->write(rows); });
  };
  const std::string row = "[" + path("in.tsv") + ": row 1, column ";
  EXPECT_EQ(text_of([](Rows& r) { r.labels[1] = 0.5; }),
            row + "label] got 0.5, expected a label of 0 or 1");
  for (double bad : {0.5, 0x1p31, static_cast<double>(INFINITY)}) {
    EXPECT_EQ(text_of([&](Rows& r) { r.dense[13 + 2] = bad; }),
              fmt::format("{}I3] got {}, expected a 32-bit integer", row, bad));
  }
  for (int64_t bad : {int64_t{-1}, int64_t{1} << 32}) {
    EXPECT_EQ(text_of([&](Rows& r) { r.sparse[4].ids[1] = bad; }),
              fmt::format("{}C5] got {}, expected an id of 32 bits", row, bad));
  }
  EXPECT_EQ(text_of([](Rows&) {}), "no error");
  EXPECT_FALSE(std::filesystem::exists(path("o")));
  schema.numerical[4].applied = Transform::kLog1p;
  EXPECT_THROWS(InvalidArgument, "o] column I5: got values with log1p applied, expected raw",
                create_criteo_tsv(path("o"), schema, {}));
  schema.numerical[4].applied = Transform::kNone;
  schema.categorical[3].hotness = 33;
  EXPECT_THROWS(InvalidArgument, "column 'C4' is too long for Criteo lines: got up to 33 ids",
                create_criteo_tsv(path("o"), schema, {}));
  schema.categorical.pop_back();
  EXPECT_THROWS(InvalidArgument, "got 13 numerical and 25 categorical ones, expected 13 and 26",
                create_criteo_tsv(path("o"), schema, {}));
}

TEST_F(TextRowsTest, BadLinesAsThePolicySays) {
  SourceOptions options;
  const std::string file = write("a.tsv", "x\n" + CriteoLines().next(3));
  Rows rows;
  EXPECT_THROWS(DataError, "a.tsv:1:2] wrong number of fields",
                open_criteo_tsv(file, options)->next(rows, 10));
  options.errors.on_error = ErrorPolicy::OnError::kSkip;
  EXPECT_TRUE(open_criteo_tsv(file, options)->next(rows, 10));
  EXPECT_EQ(rows.rows, 3);
  options.errors.on_error = ErrorPolicy::OnError::kCount;
  const auto source = open_criteo_tsv(file, options);
  EXPECT_TRUE(source->next(rows, 10));
  EXPECT_THROWS(DataError, "1 bad line: 1 wrong number of fields", source->next(rows, 10));
}

// Two numerical columns and one of up to 2 ids below 5.
Schema small_schema() {
  Schema schema;
  schema.numerical = {{.name = "a"}, {.name = "b"}};
  schema.categorical = {{.name = "c", .cardinality = 5, .hotness = 2, .fixed_hotness = false},
                        {.name = "d"}};
  return schema;
}

Rows small_rows() {
  Rows rows;
  rows.rows = 3;
  rows.labels = {0, 1, 1};
  rows.dense = {1, NAN, -2, 4, 6, NAN};
  rows.sparse = {{{0, 0, 2, 3}, {4, 1, 4}}, {{0, 1, 2, 3}, {7, 7, 9}}};
  rows.source = "f";
  rows.first_row = 10;
  return rows;
}

TEST(RowChecker, NamesWhatIsWrong) {
  const Schema schema = small_schema();
  RowChecker checker(schema);
  Rows rows = small_rows();
  checker.add(rows);
  EXPECT_EQ(checker.total(), 0);
  rows.labels[0] = NAN;
  rows.labels[2] = 2;
  rows.dense[2] = INFINITY;
  rows.dense[4] = -1e39;
  rows.sparse[0].ids[2] = 5;
  rows.sparse[0].offsets = {0, 0, 0, 3};
  rows.sparse[1].offsets = {0, 1, 1, 3};
  rows.sparse[1].ids[0] = -1;
  checker.add(rows);
  EXPECT_EQ(checker.rows(), 6);
  const std::vector<std::string> expected = {
      "[f: row 10, column label] label: got nan, expected 0 or 1",
      "[f: row 11, column a] number: got inf, expected one that float32 holds, or none",
      "[f: row 12, column label] label: got 2, expected 0 or 1",
      "[f: row 12, column a] number: got -1e+39, expected one that float32 holds, or none",
      "[f: row 12, column c] ids of a sample: got 3, expected at most 2",
      "[f: row 12, column c] id: got 5, expected at least 0 and below the cardinality 5",
      "[f: row 10, column d] id: got -1, expected at least 0",
      "[f: row 11, column d] ids of a sample: got 0, expected 1",
      "[f: row 12, column d] ids of a sample: got 2, expected 1"};
  EXPECT_EQ(checker.first(), expected);
  for (int i = 0; i < 5; ++i) checker.add(rows);
  EXPECT_EQ(checker.total(), 6 * 9);
  EXPECT_EQ(checker.first().size(), 10u);
}

TEST(DataStats, CountsWhatIsThere) {
  DataStats stats(small_schema());
  EXPECT_EQ(stats.label().mean, 0);
  EXPECT_EQ(stats.categorical(0).entropy, 0);
  stats.add(small_rows());
  stats.add(small_rows());
  EXPECT_EQ(stats.rows(), 6);
  EXPECT_DOUBLE_EQ(stats.label().mean, 2.0 / 3);
  EXPECT_EQ(stats.label().max, 1);
  EXPECT_EQ(stats.label().others, 0);
  Rows rated = small_rows();
  rated.labels = {-2, 4.5, 1};
  stats.add(rated);
  EXPECT_EQ(stats.label().min, -2);
  EXPECT_EQ(stats.label().max, 4.5);
  EXPECT_EQ(stats.label().others, 2);
}

TEST(DataStats, CountsColumns) {
  DataStats stats(small_schema());
  stats.add(small_rows());
  stats.add(small_rows());
  EXPECT_EQ(stats.numerical(0).missing, 0);
  EXPECT_EQ(stats.numerical(0).min, -2);
  EXPECT_EQ(stats.numerical(0).max, 6);
  EXPECT_DOUBLE_EQ(stats.numerical(0).mean, 5.0 / 3);
  EXPECT_EQ(stats.numerical(1).missing, 4);
  EXPECT_EQ(stats.numerical(1).min, 4);
  const CategoricalStats c = stats.categorical(0);
  EXPECT_EQ(c.missing, 2);
  EXPECT_EQ(c.values, 6);
  EXPECT_EQ(c.most_of_a_sample, 2);
  EXPECT_EQ(c.distinct, 2);
  EXPECT_EQ(c.max_id, 4);
  ASSERT_EQ(c.top.size(), 2u);
  EXPECT_EQ(c.top[0].value, 4u);
  EXPECT_EQ(c.top[0].count, 4u);
  EXPECT_NEAR(c.entropy, -(2.0 / 3 * std::log2(2.0 / 3) + 1.0 / 3 * std::log2(1.0 / 3)), 1e-12);
}

}  // namespace
}  // namespace hotrow::test
