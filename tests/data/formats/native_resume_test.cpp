// A native file whose writing was stopped: the next run goes on, and the file is the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/native.h"
#include "data/formats/native_writer.h"
#include "kernels/core/check.h"
#include "tests/data/rows_maker.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRows = 500, kBlock = 64;
constexpr const char* kWork = R"({"input":1})";

class NativeResume : public FolderTest {
 protected:
  NativeResume() {
    write(*plain("whole.hotrow"), rows_, kRows);
    whole_ = read("whole.hotrow");
  }

  std::unique_ptr<NativeWriter> plain(const std::string& name) const {
    return std::make_unique<NativeWriter>(path(name), schema_, kBlock);
  }
  std::unique_ptr<NativeWriter> resumable(const char* work = kWork) const {
    return std::make_unique<NativeWriter>(path("a.hotrow"), schema_, kBlock,
                                          std::make_unique<NativeJournal>(path("a.hotrow"), work));
  }
  // The first `count` rows in runs of a few sizes; all of them make the file.
  static void write(NativeWriter& writer, const Rows& rows, int64_t count, int64_t run = 37) {
    for (int64_t at = 0; at < count; at += run)
      writer.write(part_of(rows, mixed_schema(), at, std::min(count, at + run)));
    if (count == rows.rows) writer.finish();
  }
  // A run that ends before its time, having written so many rows.
  void stop_after(int64_t count) const { write(*resumable(), rows_, count); }
  bool has_journal() const { return std::filesystem::exists(path("a.hotrow.convert")); }
  void expect_whole(const std::string& what) const {
    EXPECT_TRUE(read("a.hotrow") == whole_) << what;
    EXPECT_FALSE(has_journal()) << what;
    EXPECT_EQ(files(), 2) << what;
    std::filesystem::remove(path("a.hotrow"));
  }

  const Schema schema_ = mixed_schema();
  const Rows rows_ = RowsMaker(3).mixed(schema_, kRows);
  std::string whole_;
};

TEST_F(NativeResume, GoesOnAfterTheLastWholeBlock) {
  for (int64_t stopped : {0, 1, 63, 64, 65, 128, 300, 448, 499}) {
    stop_after(stopped);
    EXPECT_FALSE(std::filesystem::exists(path("a.hotrow")));
    EXPECT_EQ(has_journal(), stopped >= kBlock) << "nothing is left of less than a block";
    const auto writer = resumable();
    EXPECT_EQ(writer->kept_rows(), stopped / kBlock * kBlock);
    write(*writer, rows_, kRows, 1 + stopped);
    expect_whole("stopped after " + std::to_string(stopped));
  }
}

TEST_F(NativeResume, StoppedAgainAndAgain) {
  for (int64_t stopped : {100, 90, 200, 330, 331, 470}) stop_after(stopped);
  EXPECT_EQ(resumable()->kept_rows(), 448);
  write(*resumable(), rows_, kRows);
  expect_whole("the last run");
}

TEST_F(NativeResume, WhatWasDamagedIsWrittenAgain) {
  const std::string data = "a.hotrow.convert/data", list = "a.hotrow.convert/blocks.manifest";
  stop_after(kRows - 1);
  const std::string bytes = read(data), lines = read(list);
  std::string flipped = bytes;
  flipped[bytes.size() / 2] ^= 1;
  int64_t kept = 0;
  for (const std::string& changed :
       {flipped, bytes.substr(0, bytes.size() / 2), bytes + "more", std::string()}) {
    FolderTest::write(data, changed);
    FolderTest::write(list, lines);
    const auto writer = resumable();
    kept = writer->kept_rows();
    EXPECT_EQ(kept == 448, changed.size() > bytes.size());
    EXPECT_EQ(kept == 0, changed.empty());
    write(*writer, rows_, kRows);
    expect_whole(std::to_string(kept));
    stop_after(kRows - 1);
  }
  for (size_t cut = 0; cut <= lines.size(); cut += 91) {
    FolderTest::write(list, lines.substr(0, cut));
    write(*resumable(), rows_, kRows);
    expect_whole("list of " + std::to_string(cut) + " bytes");
    stop_after(kRows - 1);
  }
}

TEST_F(NativeResume, OtherRowsAreNoticed) {
  Rows changed = rows_;
  changed.labels[130] = 1 - changed.labels[130];
  stop_after(300);
  EXPECT_EQ(error_text<DataError>([&] { write(*resumable(), changed, kRows); }),
            "[" + path("a.hotrow") +
                "] the input has changed: got other samples from row 128 on than the run that was "
                "stopped, expected the same (the same command now begins anew)");
  EXPECT_FALSE(has_journal());
  stop_after(300);
  const Rows shorter = part_of(rows_, schema_, 0, 140);
  EXPECT_THAT(error_text<DataError>([&] { write(*resumable(), shorter, 140); }),
              HasSubstr("got other samples from row 128 on"));
  stop_after(300);
  const Rows shortest = part_of(rows_, schema_, 0, 128);
  EXPECT_THAT(error_text<DataError>([&] { write(*resumable(), shortest, 128); }),
              HasSubstr("got other samples from row 128 on"));
  // Rows that no whole block was made of may differ: nobody has kept them.
  changed = rows_;
  changed.labels[299] = 1 - changed.labels[299];
  stop_after(300);
  write(*resumable(), changed, kRows);
  EXPECT_NE(read("a.hotrow"), whole_);
}

TEST_F(NativeResume, OtherWorkBeginsAnew) {
  stop_after(300);
  const auto writer = resumable(R"({"input":2})");
  EXPECT_EQ(writer->kept_rows(), 0);
  Rows other = rows_;
  other.labels[7] = 1 - other.labels[7];
  write(*writer, other, kRows);
  EXPECT_NE(read("a.hotrow"), whole_);
  EXPECT_FALSE(has_journal());
}

TEST_F(NativeResume, OneRunAtATime) {
  const auto writer = resumable();
  EXPECT_THAT(error_text<DataError>([&] { resumable(); }),
              HasSubstr("a.hotrow.convert] in use: got a run that is at work on the same output"));
}

TEST_F(NativeResume, SaysWhereItIsKept) {
  const std::string folder = path("a.hotrow.convert");
  {
    const auto writer = resumable();
    write(*writer, rows_, 63);
    EXPECT_EQ(writer->kept(), "");
    writer->write(part_of(rows_, schema_, 63, 64));
    EXPECT_EQ(writer->kept(), folder);
  }
  const auto writer = resumable();
  EXPECT_EQ(writer->kept(), folder);
  EXPECT_NE(error_text<DataError>([&] { write(*writer, part_of(rows_, schema_, 1, 65), 64, 64); }),
            "no error");
  EXPECT_EQ(writer->kept(), "") << "the next run begins anew";
  const auto last = resumable();
  write(*last, rows_, kRows);
  EXPECT_EQ(last->kept(), "");
  EXPECT_EQ(plain("b.hotrow")->kept(), "");
}

// By create_native(): said to a person, and only where the caller says what the samples come from.
TEST_F(NativeResume, SaysWhatARunBeforeHasLeft) {
  const Schema schema = criteo_schema(1, 0);
  const int64_t count = 2 * kNativeBlockRows + 5;
  Rows rows;
  rows.start(schema);
  rows.rows = count;
  for (int64_t r = 0; r < count; ++r) {
    rows.labels.push_back(static_cast<double>(r % 2));
    rows.dense.push_back(static_cast<double>(r % 1000));
  }
  std::vector<std::string> said;
  SinkOptions options;
  struct Stop {};
  options.say = [&](std::string_view text) { said.emplace_back(text); };
  create_native(path("b.hotrow"), schema, options)->write(rows);
  EXPECT_EQ(files(), 1) << "without a source nothing is kept";

  options.source = R"({"a":1})";
  create_native(path("b.hotrow"), schema, options)->write(rows);
  EXPECT_TRUE(said.empty());
  create_native(path("b.hotrow"), schema, options);
  EXPECT_THAT(said, ElementsAre("going on after 32768 rows of the run that was stopped, which are "
                                "read again and compared"));
  said.clear();
  options.progress = [](double) { throw Stop(); };
  EXPECT_THROW(create_native(path("b.hotrow"), schema, options), Stop) << "before all is read";
  options.progress = {};
  create_native(path("b.hotrow"), schema, options);
  EXPECT_THAT(said, ElementsAre(HasSubstr("going on after 32768 rows")));
  said.clear();
  options.source = R"({"a":2})";
  create_native(path("b.hotrow"), schema, options)->write(rows);
  EXPECT_THAT(said, ElementsAre("the input or the command is not that of the run that was stopped: "
                                "beginning anew"));
  said.clear();
  Schema renamed = schema;
  renamed.numerical[0].name = "other";
  create_native(path("b.hotrow"), renamed, options);
  EXPECT_EQ(said.size(), 1u);
}

}  // namespace
}  // namespace hotrow::test
