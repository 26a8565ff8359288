// A disk without room, for each file that a format writes: one sentence that names it, and no file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/formats.h"
#include "data/pending_file.h"
#include "kernels/core/check.h"
#include "tests/data/formats/format_case.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

class FullDisk : public FolderTest, public ::testing::WithParamInterface<FormatCase> {
 protected:
  void write_into(const std::string& folder) const {
    const Schema schema = sized_criteo_schema();
    const auto sink = find_format(GetParam().format)
                          .create((fs::path(folder) / GetParam().name).string(), schema, {});
    write_all(*sink, sample_rows(schema, 50));
  }
  // But the archives, which libzip writes under a name of its own.
  static std::vector<fs::path> plain_files(const std::string& folder) {
    std::vector<fs::path> files = files_below(folder);
    std::erase_if(files, [](const fs::path& file) { return file.extension() == ".npz"; });
    return files;
  }
};

TEST_P(FullDisk, NamesTheFileAndLeavesNone) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full: no full disk to try";
  fs::create_directories(path("good"));
  write_into(path("good"));
  const std::vector<fs::path> files = plain_files(path("good"));
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    const fs::path full = path("full") / file;
    fs::create_directories(full.parent_path());
    fs::create_symlink("/dev/full", full.string() + PendingFile::process_suffix());
    EXPECT_EQ(error_text<DataError>([&] { write_into(path("full")); }),
              "[" + full.string() +
                  "] cannot be written: got 'No space left on device', expected "
                  "a folder with room to write in");
    EXPECT_THAT(plain_files(path("full")), ::testing::IsEmpty()) << file;
    fs::remove_all(path("full"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, FullDisk,
    ::testing::Values(FormatCase{"native", "a.hotrow"}, FormatCase{"criteo-tsv", "a.tsv"},
                      FormatCase{"mlperf-bin", "a.bin"}, FormatCase{"hugectr-raw", "a.bin"},
                      FormatCase{"hugectr-norm", "a.txt"}, FormatCase{"torchrec", "days"},
                      FormatCase{"multi-hot", "days"}, FormatCase{"split-binary", "split"}),
    name_of_case);

}  // namespace
}  // namespace hotrow::test
