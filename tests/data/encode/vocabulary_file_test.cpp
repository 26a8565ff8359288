#include "data/encode/vocabulary_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/fuzz/vocabulary_target.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow {
namespace {

class VocabularyFileTest : public test::FolderTest {
 protected:
  VocabularyFileTest() {
    HashedFileWriter entries(path("entries"));
    for (uint64_t i = 0; i < 9; ++i) {
      const VocabularyEntry entry = {mix64(i), 100 - i};
      entries.write(&entry, sizeof(entry));
    }
    entries.publish();
    const auto slice_hash = [this](size_t begin, size_t count) {
      return XXH3_64bits(read("entries").data() + 16 * begin, 16 * count);
    };
    vocabulary_.scheme = {.order = IdOrder::kFrequency, .first_id = 2, .unseen_id = 1};
    vocabulary_.columns = {
        {"A", ColumnType::kHex32, {path("entries"), 0, 5}, slice_hash(0, 5)},
        {"B", ColumnType::kText, {path("entries"), 0, 0}, slice_hash(0, 0)},
        {"C", ColumnType::kInt64, {path("entries"), 5 * 16, 4}, slice_hash(5, 4)}};
    write_as("v", vocabulary_);
  }

  void write_as(const std::string& name, const VocabularyFile& vocabulary) const {
    HashedFileWriter out(path(name));
    const FileFacts facts = write_vocabulary(out, vocabulary);
    out.pending().publish();
    EXPECT_EQ(facts, facts_of(path(name)));
  }

  VocabularyFile vocabulary_;
};

TEST_F(VocabularyFileTest, GivesBackWhatWasWritten) {
  const VocabularyFile file = open_vocabulary(path("v"));
  EXPECT_EQ(file.scheme.order, IdOrder::kFrequency);
  EXPECT_EQ(file.scheme.first_id, 2);
  EXPECT_EQ(file.scheme.unseen_id, 1);
  ASSERT_EQ(file.columns.size(), 3u);
  EXPECT_EQ(file.columns[2].name, "C");
  EXPECT_EQ(file.columns[2].type, ColumnType::kInt64);
  EXPECT_EQ(file.rows(0), 7);
  EXPECT_EQ(file.rows(1), 2);
  EXPECT_EQ(file.rows(2), 6);
  const ColumnIds a(file, 0), b(file, 1), c(file, 2);
  for (uint64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(a.id(mix64(i)), i < 5 ? static_cast<int64_t>(2 + i) : 1);
    EXPECT_EQ(b.id(mix64(i)), 1);
    EXPECT_EQ(c.id(mix64(i)), i < 5 ? 1 : static_cast<int64_t>(2 + i - 5));
  }
  // Its own entries can be written again.
  write_as("again", file);
  EXPECT_EQ(read("again"), read("v"));
}

TEST_F(VocabularyFileTest, Hashed) {
  vocabulary_.scheme = {.order = IdOrder::kHash, .hash_rows = 97};
  for (VocabularyColumn& column : vocabulary_.columns) {
    column.slice = {};
    column.xxh3 = XXH3_64bits("", 0);
  }
  write_as("v", vocabulary_);
  const VocabularyFile file = open_vocabulary(path("v"));
  EXPECT_EQ(file.rows(1), 97);
  EXPECT_EQ(ColumnIds(file, 1).id(12345), hashed_id(12345, 1, 97));
}

TEST_F(VocabularyFileTest, EveryFlippedBitAndEveryCutIsFound) {
  const std::string good = read("v");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 8));
    write("bad", bad);
    EXPECT_THROWS(DataError, "/bad] ", open_vocabulary(path("bad")));
    write("bad", good.substr(0, i));
    EXPECT_THROWS(DataError, "/bad] ", open_vocabulary(path("bad")));
  }
  write("bad", good + "x");
  EXPECT_THROWS(DataError, "wrong length: got", open_vocabulary(path("bad")));
  EXPECT_THROWS(DataError, "cannot be read", open_vocabulary(path("none")));
}

// A head that says something else, with the right checksum.
TEST_F(VocabularyFileTest, SoundHeadsThatMeanNothing) {
  const std::string good = read("v");
  uint64_t bytes = 0;
  std::memcpy(&bytes, good.data() + 8, sizeof(bytes));
  const std::string head = good.substr(24, bytes);
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = head;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t size = text.size(), hash = XXH3_64bits(text.data(), text.size());
    std::string file = good.substr(0, 8);
    file.append(reinterpret_cast<const char*>(&size), 8);
    file.append(reinterpret_cast<const char*>(&hash), 8);
    return write("bad", file + text + good.substr(24 + bytes));
  };
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"frequency\"", "\"size\""},
           {"\"hex32\"", "\"hex\""},
           {"\"entries\":5", "\"entries\":-5"},
           {"\"entries\":5", "\"entries\":4294967295"},
           {"\"entries\":5", "\"entries\":99999999999999999999"},
           {"\"entries\":5", "\"entries\":5.5"},
           {"\"entries\":5", "\"entries\":6"},
           {"\"entries\":5", "\"entries\":\"5\""},
           {"\"columns\":", "\"column\":"},
           {"\"first_id\":2", "\"first_id\":-1"},
           {"\"unseen_id\":1", "\"unseen_id\":-2"},
           {"\"frequency\"", "\"hash\""},
           {"{", "["}}) {
    EXPECT_THROWS(DataError, "/bad] ", open_vocabulary(replaced(from, to)));
  }
}

TEST_F(VocabularyFileTest, MutatedBytesAreAnErrorOrAVocabulary) {
  const std::string good = read("v");
  test::Mutator mutate(17);
  int sound = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = mutate(good);
    fuzz::read_vocabulary(bytes, path("bad"));
    fuzz::seal_vocabulary(bytes);
    sound += fuzz::read_vocabulary(bytes, path("bad"));
  }
  EXPECT_GT(sound, 0);
  EXPECT_LT(sound, 2000);
}

TEST_F(VocabularyFileTest, OfAnotherDataSet) {
  Schema schema;
  schema.categorical = {{.name = "A", .type = ColumnType::kHex32},
                        {.name = "B", .type = ColumnType::kText},
                        {.name = "C", .type = ColumnType::kInt64}};
  EXPECT_NO_THROW(check_vocabulary_fits(vocabulary_, schema, "v"));
  schema.categorical[2].type = ColumnType::kText;
  EXPECT_THROWS(DataError, "got column C (int64) at place 3, expected C (text)",
                check_vocabulary_fits(vocabulary_, schema, "v"));
  schema.categorical.pop_back();
  EXPECT_THROWS(DataError, "[v] another data set's vocabulary: got 3 columns, expected 2",
                check_vocabulary_fits(vocabulary_, schema, "v"));
}

}  // namespace
}  // namespace hotrow
