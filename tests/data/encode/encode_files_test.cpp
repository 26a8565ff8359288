// The files of an encoded data set: that data and vocabulary are never of two runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/encode/encode.h"
#include "data/encode/hashed_file.h"
#include "kernels/core/check.h"
#include "tests/data/encode/raw_samples.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

namespace fs = std::filesystem;

// The ids alone; at the last moment, something may get in the way of a file.
class ObstructedSink : public RowSink {
 public:
  ObstructedSink(const std::string& path, std::string obstacle)
      : file_(path), obstacle_(std::move(obstacle)) {}
  const std::vector<std::string>& losses() const override { return losses_; }
  void write(const Rows& rows) override {
    for (const SparseFeature& feature : rows.sparse)
      file_.write(feature.ids.data(), feature.ids.size() * sizeof feature.ids[0]);
  }
  std::vector<const PendingFile*> close() override {
    file_.close();
    if (!obstacle_.empty()) {
      fs::remove(obstacle_);
      fs::create_directories(obstacle_ + "/in the way");
    }
    return {&file_.pending()};
  }

 private:
  HashedFileWriter file_;
  std::string obstacle_;
  std::vector<std::string> losses_;
};

class EncodeFilesTest : public test::FolderTest {
 protected:
  void run(IdOrder order, const std::string& obstacle = "") const {
    test::SampleSource source(test::raw_samples(500), path("text"));
    EncodeConfig config;
    config.output = path("out");
    config.scheme.order = order;
    encode(source, config,
           [&](const Schema&) { return std::make_unique<ObstructedSink>(path("out"), obstacle); });
  }
};

// As if it were killed before each of the renames.
TEST_F(EncodeFilesTest, AVocabularyIsNeverOfOtherData) {
  run(IdOrder::kFrequency);
  const std::string data = read("out"), vocabulary = read("out.vocabulary");
  run(IdOrder::kFirst);
  const std::string old_data = read("out");
  ASSERT_NE(data, old_data);
  ASSERT_NE(vocabulary, read("out.vocabulary"));
  for (const std::string name : {"out", "out.vocabulary"}) {
    EXPECT_NE(test::error_text<DataError>([&] { run(IdOrder::kFrequency, path(name)); }),
              "no error");
    fs::remove_all(path(name));
    EXPECT_FALSE(fs::exists(path("out.vocabulary")));
    if (name != "out") {
      EXPECT_EQ(read("out"), old_data);
    }
    run(IdOrder::kFrequency);
    EXPECT_EQ(read("out"), data);
    EXPECT_EQ(read("out.vocabulary"), vocabulary);
    run(IdOrder::kFirst);
  }
}

}  // namespace
}  // namespace hotrow
