#include "data/formats/native.h"

#include <filesystem>

#include "data/formats/native_file.h"
#include "data/formats/native_writer.h"
#include "data/loader.h"
#include "data/schema_json.h"
#include "tests/data/formats/native_bytes.h"
#include "tests/data/rows_maker.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

using native::Code;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

SourceOptions source_of(const char* part) {
  SourceOptions options;
  options.part = part;
  return options;
}

SinkOptions sink_of(const char* part) {
  SinkOptions options;
  options.part = part;
  return options;
}

class NativeTest : public test::FolderTest {
 protected:
  // Gives the path.
  std::string make(const Schema& schema, const Rows& rows, int64_t block_rows,
                   int64_t run = 1 << 20, const std::string& name = "a.hotrow") const {
    NativeWriter writer(path(name), schema, block_rows);
    for (int64_t begin = 0; begin < rows.rows; begin += run)
      writer.write(test::part_of(rows, schema, begin, std::min(rows.rows, begin + run)));
    writer.finish();
    return path(name);
  }
  static Rows read_all(RowSource& source, int64_t run) {
    Rows all, part;
    all.start(source.schema());
    while (source.next(part, run)) {
      EXPECT_EQ(part.first_row, all.rows);
      EXPECT_LE(part.rows, run);
      append(all, part);
    }
    EXPECT_EQ(part.rows, 0);
    return all;
  }
  static void append(Rows& all, const Rows& part) {
    all.rows += part.rows;
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    all.dense.insert(all.dense.end(), part.dense.begin(), part.dense.end());
    for (size_t t = 0; t < all.sparse.size(); ++t) {
      const int64_t shift = all.sparse[t].offsets.back();
      for (size_t b = 1; b < part.sparse[t].offsets.size(); ++b)
        all.sparse[t].offsets.push_back(part.sparse[t].offsets[b] + shift);
      all.sparse[t].ids.insert(all.sparse[t].ids.end(), part.sparse[t].ids.begin(),
                               part.sparse[t].ids.end());
    }
  }
};

TEST_F(NativeTest, RowsComeBackAsTheyWere) {
  const Schema schema = test::mixed_schema();
  const Rows rows = test::RowsMaker(3).mixed(schema, 1000);
  for (int64_t block_rows : {1, 17, 333, 1000, 5000}) {
    const auto source = open_native(make(schema, rows, block_rows, 77), {});
    EXPECT_EQ(source->num_rows(), 1000);
    EXPECT_TRUE(source->can_seek());
    EXPECT_EQ(schema_to_json(source->schema()), schema_to_json(schema));
    for (int64_t run : {1, 100, 5000}) {
      source->seek(0);
      test::expect_same_rows(read_all(*source, run), rows);
    }
  }
}

TEST_F(NativeTest, TheFileIsThatOfTheRowsNotOfTheirRuns) {
  const Schema schema = test::mixed_schema();
  const Rows rows = test::RowsMaker(4).mixed(schema, 300);
  make(schema, rows, 64, 1000, "a.hotrow");
  make(schema, rows, 64, 7, "b.hotrow");
  EXPECT_EQ(read("a.hotrow"), read("b.hotrow"));
}

TEST_F(NativeTest, AnyRowCanBeGoneTo) {
  const Schema schema = test::mixed_schema();
  const Rows rows = test::RowsMaker(5).mixed(schema, 100);
  const auto source = open_native(make(schema, rows, 32), {});
  Rows part;
  for (int64_t row : {99, 0, 31, 32, 33, 5, 64, 96, 95}) {
    source->seek(row);
    ASSERT_TRUE(source->next(part, 3));
    EXPECT_EQ(part.first_row, row);
    test::expect_same_rows(part, test::part_of(rows, schema, row, row + part.rows));
  }
  source->seek(100);
  EXPECT_FALSE(source->next(part, 3));
  EXPECT_THROWS(InvalidArgument, "row to go to: got 101, expected from 0 to 100",
                source->seek(101));
  EXPECT_THROWS(InvalidArgument, "row to go to: got -1", source->seek(-1));
}

// The way without Rows in between has the bits of the way with them.
TEST_F(NativeTest, BatchesAreThoseOfTheRows) {
  const Schema schema = test::mixed_schema();
  const Rows rows = test::RowsMaker(6).mixed(schema, 700);
  for (int64_t block_rows : {1, 50, 256, 1000}) {
    const std::string file = make(schema, rows, block_rows);
    for (int64_t batch_size : {1, 33, 300, 700}) {
      Loader loader(open_native(file, {}), {.batch_size = batch_size}, file);
      loader.rewind();
      Batch batch;
      for (int64_t begin = 0; begin < rows.rows; begin += batch_size) {
        ASSERT_TRUE(loader.next(batch));
        test::expect_same_batch(
            batch, test::batch_of(rows, schema, begin, std::min(rows.rows, begin + batch_size)));
        EXPECT_EQ(batch.source, file);
      }
      EXPECT_FALSE(loader.next(batch));
    }
  }
}

TEST_F(NativeTest, EachChunkHasTheNarrowestTypeThatHoldsItExactly) {
  struct Case {
    std::vector<double> numbers;
    Code type;
    bool bits;
  };
  const std::vector<Case> cases = {
      {{0, 255, 3}, Code::kUint8, false},
      {{0, kNan, 3}, Code::kUint8, true},
      {{kNan, kNan, kNan}, Code::kUint8, true},
      {{-1, 255, 3}, Code::kInt16, false},
      {{0, 32767, 3}, Code::kInt16, false},
      {{0, 32769, 3}, Code::kInt32, false},
      {{0, 32768, 3}, Code::kFloat16, false},
      {{-32769, 2147483647, kNan}, Code::kInt32, true},
      {{0.5, 3, kNan}, Code::kFloat16, false},
      {{-0.0, 3, 4}, Code::kFloat16, false},
      {{std::numeric_limits<double>::infinity(), 3, 4}, Code::kFloat16, false},
      {{0, 2147483648.0, 3}, Code::kFloat32, false},
      {{0.1f, 3, 4}, Code::kFloat32, false},
      {{0.1, 3, kNan}, Code::kFloat64, false},
      {{4503599627370497.0, 3, 4}, Code::kFloat64, false},
  };
  Schema schema;
  schema.numerical = {{.name = "x"}};
  for (const Case& c : cases) {
    Rows rows;
    rows.start(schema);
    rows.rows = 3;
    rows.labels = {0, 1, 0.25};
    rows.dense = c.numbers;
    const std::string file = make(schema, rows, 3);
    const std::string bytes = read("a.hotrow");
    NativeFile opened(std::as_bytes(std::span(bytes)), file);
    EXPECT_EQ(opened.block(0)[0].values.code, Code::kFloat16);
    EXPECT_EQ(opened.block(0)[1].values.code, c.type) << c.numbers[0] << " " << c.numbers[1];
    EXPECT_EQ(opened.block(0)[1].extra.data != nullptr, c.bits);
    test::expect_same_rows(read_all(*open_native(file, {}), 2), rows);
  }
}

TEST_F(NativeTest, IdsHaveTheNarrowestTypeOfTheirBlock) {
  Schema schema;
  schema.categorical = {{"c", ColumnType::kInt64, 0, 1, true}};
  const std::vector<std::pair<int64_t, Code>> cases = {
      {255, Code::kUint8},
      {256, Code::kUint16},
      {65535, Code::kUint16},
      {65536, Code::kUint32},
      {0xffffffff, Code::kUint32},
      {0x100000000, Code::kInt64},
      {std::numeric_limits<int64_t>::max() - 1, Code::kInt64}};
  Rows rows;
  rows.start(schema);
  for (const auto& [id, type] : cases) {
    ++rows.rows;
    rows.labels.push_back(1);
    rows.sparse[0].ids.push_back(id);
    rows.sparse[0].offsets.push_back(rows.rows);
  }
  const std::string file = make(schema, rows, 1);
  const std::string bytes = read("a.hotrow");
  NativeFile opened(std::as_bytes(std::span(bytes)), file);
  for (size_t k = 0; k < cases.size(); ++k)
    EXPECT_EQ(opened.block(static_cast<int64_t>(k))[1].values.code, cases[k].second) << k;
  test::expect_same_rows(read_all(*open_native(file, {}), 100), rows);
}

TEST_F(NativeTest, ADataSetWithoutRowsOrWithoutColumns) {
  const Schema schema = test::mixed_schema();
  Rows none;
  none.start(schema);
  const auto source = open_native(make(schema, none, 8), {});
  EXPECT_EQ(source->num_rows(), 0);
  EXPECT_FALSE(source->next(none, 5));

  Rows labels;
  labels.rows = 2;
  labels.labels = {1, 0};
  const auto bare = open_native(make({}, labels, 8), {});
  test::expect_same_rows(read_all(*bare, 5), labels);
}

TEST_F(NativeTest, TheFingerprintIsThatOfTheData) {
  const Schema schema = test::mixed_schema();
  const auto fingerprint = [&](const Schema& of, uint32_t seed, int64_t block_rows) {
    make(of, test::RowsMaker(seed).mixed(of, 50), block_rows);
    const std::string bytes = read("a.hotrow");
    return NativeFile(std::as_bytes(std::span(bytes)), "a").fingerprint();
  };
  const uint64_t first = fingerprint(schema, 1, 20);
  EXPECT_EQ(fingerprint(schema, 1, 20), first);
  EXPECT_NE(fingerprint(schema, 2, 20), first);
  EXPECT_NE(fingerprint(schema, 1, 21), first);
  Schema renamed = schema;
  renamed.numerical[0].name = "other";
  EXPECT_NE(fingerprint(renamed, 1, 20), first);
}

TEST_F(NativeTest, AFolderHasAFileForEachPart) {
  const Schema schema = test::mixed_schema();
  const Format& native = find_format("native");
  for (const char* part : {"train", "test"}) {
    auto sink = native.create(path("set"), schema, sink_of(part));
    EXPECT_TRUE(sink->losses().empty());
    sink->write(test::RowsMaker(1).mixed(schema, part[1] == 'r' ? 7 : 3));
    EXPECT_FALSE(std::filesystem::exists(path("set/" + std::string(part) + ".hotrow")));
    sink->finish();
  }
  EXPECT_EQ(detect_format(path("set")).name, "native");
  EXPECT_EQ(detect_format(path("set/test.hotrow")).name, "native");
  EXPECT_EQ(native.open(path("set"), {})->num_rows(), 7);
  EXPECT_EQ(native.open(path("set"), source_of("test"))->num_rows(), 3);
  EXPECT_EQ(native.open(path("set/test.hotrow"), {})->num_rows(), 3);
  EXPECT_THROWS(DataError, "val.hotrow] cannot be read: got 'No such file",
                native.open(path("set"), source_of("val")));
  EXPECT_FALSE(native.fits(path()));
  EXPECT_FALSE(native.fits(path("none")));
  EXPECT_FALSE(native.fits(write("text", "label\tI1\n")));
}

TEST_F(NativeTest, AFileAppearsWholeOrNotAtAll) {
  const Schema schema = test::mixed_schema();
  {
    NativeWriter writer(path("a.hotrow"), schema, 4);
    writer.write(test::RowsMaker(1).mixed(schema, 50));
  }
  EXPECT_EQ(files(), 0);
  EXPECT_THROWS(DataError, "cannot be written: got 'No such file or directory'",
                NativeWriter(path("none/a.hotrow"), schema));
  find_format("native")
      .create(path("new/set"), schema, {})
      ->write(test::RowsMaker(1).mixed(schema, 50));
  EXPECT_EQ(files(), 0);
  EXPECT_THROWS(DataError, "cannot be used as the output folder: got",
                find_format("native").create(write("file", "") + "/set", schema, {}));
}

TEST_F(NativeTest, TheWriterChecksWhatItGets) {
  const Schema schema = test::mixed_schema();
  EXPECT_THROWS(InvalidArgument, "rows of a block: got 0, expected from 1 to 16777216",
                NativeWriter(path("a.hotrow"), schema, 0));
  EXPECT_THROWS(InvalidArgument, "rows of a block: got 16777217",
                NativeWriter(path("a.hotrow"), schema, (1 << 24) + 1));
  NativeWriter writer(path("a.hotrow"), schema, 16);
  const Rows good = test::RowsMaker(1).mixed(schema, 20);
  writer.write(good);
  const auto refused = [&]<class Error>(const char* words, auto change) {
    Rows bad = good;
    change(bad);
    EXPECT_THROWS(Error, words, writer.write(bad));
  };
  refused.operator()<DataError>("column byte, row 23: got id 256, expected from 0 to 255",
                                [](Rows& r) { r.sparse[1].ids[3] = 256; });
  refused.operator()<DataError>("column tiny, row 20: got id -1, expected from 0 to 2",
                                [](Rows& r) { r.sparse[0].ids[0] = -1; });
  refused.operator()<DataError>("column two_bytes, row 24: got 2 ids, expected exactly 3",
                                [](Rows& r) { r.sparse[2].offsets[5] -= 1; });
  const char* shape =
      "write: got columns that do not fit, expected 20 rows of 6 numbers and 5 bags";
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.labels.pop_back(); });
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.dense.pop_back(); });
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.sparse.pop_back(); });
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.sparse[3].ids.pop_back(); });
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.sparse[3].offsets[0] = 1; });
  refused.operator()<InvalidArgument>(shape, [](Rows& r) { r.sparse[3].offsets[5] = 1000; });
  writer.finish();
  test::expect_same_rows(read_all(*open_native(path("a.hotrow"), {}), 100), good);
}

}  // namespace
}  // namespace hotrow
