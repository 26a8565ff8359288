// Native files that are cut, damaged or made to mislead.
#include <functional>

#include "data/formats/native_file.h"
#include "data/formats/native_writer.h"
#include "tests/data/formats/native_bytes.h"
#include "tests/data/rows_maker.h"
#include "tests/fuzz/native_target.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow {
namespace {

using native::BlockEntry;
using native::Code;
using native::ColumnEntry;
using native::Header;
using native::Trailer;
using test::get;
using test::put;

class NativeErrorsTest : public test::FolderTest {
 protected:
  NativeErrorsTest() : schema_(test::mixed_schema()) {
    NativeWriter writer(path("good.hotrow"), schema_, 16);
    writer.write(test::RowsMaker(8).mixed(schema_, 40));
    writer.finish();
    good_ = read("good.hotrow");
  }

  static bool is_good(const std::string& bytes) {
    return fuzz::read_native({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  }

  // Opens and reads all blocks of the good file after `change`, its checksums right again.
  void refused(const char* words, const std::function<void(std::string&)>& change,
               bool sealed = true) const {
    std::string bytes = good_;
    change(bytes);
    if (sealed) test::seal(bytes);
    EXPECT_THROWS(DataError, words, [&] {
      const auto source = open_native_bytes(std::as_bytes(std::span(bytes)), "bad.hotrow");
      Rows rows;
      while (source->next(rows, 10)) {
      }
    }());
  }

  template <class T>
  static std::function<void(std::string&)> change_at(size_t at,
                                                     const std::function<void(T&)>& edit) {
    return [=](std::string& bytes) {
      T value = get<T>(bytes, at);
      edit(value);
      put(bytes, at, value);
    };
  }
  static auto header(const std::function<void(Header&)>& edit) { return change_at(0, edit); }
  auto trailer(const std::function<void(Trailer&)>& edit) const {
    return change_at(test::trailer_at(good_), edit);
  }
  auto block(size_t k, const std::function<void(BlockEntry&)>& edit) const {
    return change_at(test::block_entry_at(good_, k), edit);
  }
  // Column `c` of block 1.
  auto column(size_t c, const std::function<void(ColumnEntry&)>& edit) const {
    const auto entry = get<BlockEntry>(good_, test::block_entry_at(good_, 1));
    return change_at(entry.offset + c * sizeof(ColumnEntry), edit);
  }
  size_t values_of(size_t c) const {
    const auto entry = get<BlockEntry>(good_, test::block_entry_at(good_, 1));
    return entry.offset + get<ColumnEntry>(good_, entry.offset + c * sizeof(ColumnEntry)).values;
  }

  Schema schema_;
  std::string good_;
};

TEST_F(NativeErrorsTest, TheGoodFileIsGoodAndSealingItChangesNothing) {
  EXPECT_TRUE(is_good(good_));
  std::string sealed = good_;
  test::seal(sealed);
  EXPECT_EQ(sealed, good_);
}

TEST_F(NativeErrorsTest, CutAnywhereItIsRefused) {
  for (size_t size = 0; size < good_.size(); ++size)
    ASSERT_FALSE(is_good(good_.substr(0, size))) << size;
  ASSERT_FALSE(is_good(good_ + std::string(64, '\0')));
  refused(
      "is too short: got 100 bytes", [](std::string& b) { b.resize(100); }, false);
  refused(
      "was cut short: got", [](std::string& b) { b.resize(b.size() - 8); }, false);
  refused(
      "has another length than when it was written",
      [](std::string& b) { b.insert(b.size() - 64, std::string(64, '\0')); }, false);
  refused(
      "was cut short", [](std::string& b) { b.resize(200); }, false);
}

TEST_F(NativeErrorsTest, AnyFlippedByteIsNoticed) {
  // But for the zeros between the schema, and the list of blocks, and what comes after them.
  size_t unseen = 0;
  for (size_t k = 0; k < good_.size(); ++k) {
    std::string bad = good_;
    bad[k] = static_cast<char>(bad[k] ^ 1 << (k % 8));
    if (!is_good(bad)) continue;
    ++unseen;
    ASSERT_EQ(good_[k], '\0') << k;
  }
  EXPECT_LT(unseen, 2 * native::kAlign);
}

TEST_F(NativeErrorsTest, EachPartSaysThatItIsDamaged) {
  const size_t trailer_at = test::trailer_at(good_);
  const auto flip = [](size_t at) {
    return [=](std::string& b) { b[at] = static_cast<char>(b[at] ^ 4); };
  };
  refused("is no .hotrow file", flip(3), false);
  refused("header is damaged", flip(offsetof(Header, reserved)), false);
  refused("schema is damaged", flip(sizeof(Header) + 5), false);
  refused("trailer is damaged", flip(trailer_at + offsetof(Trailer, reserved)), false);
  refused("list of blocks is damaged", flip(test::block_entry_at(good_, 1)), false);
  refused("block 1 is damaged: got bytes", flip(values_of(2)), false);
  refused("(rows 16 to 31) that do not match their checksum", flip(values_of(2)), false);
}

TEST_F(NativeErrorsTest, AFileOfAnotherKindIsNamed) {
  refused("version of the format: got 2, expected 1", header([](Header& h) { h.version = 2; }));
  refused("order of bytes: got 0x4030201", header([](Header& h) { h.byte_order = 0x04030201; }));
  refused("rows of a block: got 0", header([](Header& h) { h.block_rows = 0; }));
  refused("rows of a block: got 16777217", header([](Header& h) { h.block_rows = (1 << 24) + 1; }));
  refused("number of columns: got 13, expected 12", header([](Header& h) { ++h.columns; }));
  refused("of schema and more", header([](Header& h) { h.schema_bytes = uint64_t{1} << 63; }));
  refused("no schema:", header([](Header& h) { h.schema_bytes -= 1; }));
}

TEST_F(NativeErrorsTest, ListsOfBlocksThatMislead) {
  refused("list of blocks: got", trailer([](Trailer& t) { t.blocks_offset += 1; }));
  refused("list of blocks: got", trailer([](Trailer& t) { t.blocks_offset = uint64_t{1} << 62; }));
  refused("list of blocks: got", trailer([](Trailer& t) { t.blocks_offset = 0; }));
  refused("list of blocks: got", trailer([](Trailer& t) { t.blocks = uint64_t{1} << 61; }));
  refused("rows: got 40 in all blocks, expected 41", trailer([](Trailer& t) { ++t.rows; }));
  refused("block 1: got 15 rows, expected 16", block(1, [](BlockEntry& b) { --b.rows; }));
  refused("block 2: got 0 rows", block(2, [](BlockEntry& b) { b.rows = 0; }));
  refused("block 2: got 17 rows", block(2, [](BlockEntry& b) { b.rows = 17; }));
  refused("block 1: got", block(1, [](BlockEntry& b) { b.offset -= 64; }));
  refused("block 1: got", block(1, [](BlockEntry& b) { b.offset = ~uint64_t{63}; }));
  refused("block 2: got", block(2, [](BlockEntry& b) { b.bytes += 64 * 64; }));
  refused("block 2: got", block(2, [](BlockEntry& b) { b.bytes -= 1; }));
  refused("bytes for 8 rows, expected at least", block(2, [](BlockEntry& b) { b.bytes = 64; }));
}

TEST_F(NativeErrorsTest, ColumnsThatMislead) {
  const char* number = "block 1: column small] got";
  refused(number, column(1, [](ColumnEntry& c) { c.count = 15; }));
  refused(number, column(1, [](ColumnEntry& c) { c.type = Code::kUint16; }));
  refused(number, column(1, [](ColumnEntry& c) { c.type = static_cast<Code>(77); }));
  refused(number, column(1, [](ColumnEntry& c) { c.extra_type = Code::kUint8; }));
  refused(number, column(1, [](ColumnEntry& c) { c.values += 1; }));
  refused(number, column(1, [](ColumnEntry& c) { c.values = ~uint64_t{63}; }));
  refused(number, column(1, [](ColumnEntry& c) { c.extra = ~uint64_t{63}; }));
  const char* ids = "block 1: column bags] got";
  refused(ids, column(10, [](ColumnEntry& c) { c.type = Code::kFloat32; }));
  refused(ids, column(10, [](ColumnEntry& c) { c.extra_type = Code::kNone; }));
  refused(ids, column(10, [](ColumnEntry& c) { c.extra_type = Code::kInt64; }));
  refused(ids, column(10, [](ColumnEntry& c) { --c.count; }));
  refused(ids, column(10, [](ColumnEntry& c) { c.count = uint64_t{1} << 62; }));
  refused(ids, column(10, [](ColumnEntry& c) { c.extra = 1 << 20; }));
  refused("block 1: column tiny] got",
          column(7, [](ColumnEntry& c) { c.extra_type = Code::kUint8; }));
  refused("block 1: column tiny] got 15 ids, expected 16 as the bags have",
          column(7, [](ColumnEntry& c) { --c.count; }));
}

TEST_F(NativeErrorsTest, ValuesThatMislead) {
  refused("column tiny, row 18: got id 3, expected from 0 to 2 (its cardinality is 3)",
          [&](std::string& b) { b[values_of(7) + 2] = 3; });
  const auto entry = get<BlockEntry>(good_, test::block_entry_at(good_, 1));
  const auto bags = get<ColumnEntry>(good_, entry.offset + 10 * sizeof(ColumnEntry));
  refused("column bags] got a bag of more than 5 ids",
          [&](std::string& b) { b[entry.offset + bags.extra] = 6; });
  refused("column eight_bytes, row", [&](std::string& b) { put(b, values_of(11), int64_t{-1}); });
}

// Mutations of the good file as it is and with its checksums made right: an error, or good data.
TEST_F(NativeErrorsTest, MutatedFilesAreRefusedOrGood) {
  test::Mutator mutate(11);
  int good = 0;
  for (int k = 0; k < 4000; ++k) {
    std::string bytes = mutate(good_);
    is_good(bytes);
    test::seal(bytes);
    good += is_good(bytes);
  }
  EXPECT_GT(good, 100);   // many mutations are of values
  EXPECT_LT(good, 3900);  // and many are not
}

}  // namespace
}  // namespace hotrow
