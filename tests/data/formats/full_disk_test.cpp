// A disk without room, for each file that a format writes: one sentence that names it, and no file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "data/formats.h"
#include "data/pending_file.h"
#include "kernels/core/check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char* format;
  const char* name;  // of what is written
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.format; }

class FullDisk : public FolderTest, public ::testing::WithParamInterface<Case> {
 protected:
  void write_into(const std::string& folder) const {
    const Schema schema = sized_criteo_schema();
    const auto sink = find_format(GetParam().format)
                          .create((fs::path(folder) / GetParam().name).string(), schema, {});
    write_all(*sink, sample_rows(schema, 50));
  }
  // But the archives, which libzip writes under a name of its own.
  static std::vector<fs::path> files_below(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().extension() != ".npz") {
        files.push_back(entry.path().lexically_relative(folder));
      }
    }
    return files;
  }
};

TEST_P(FullDisk, NamesTheFileAndLeavesNone) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full: no full disk to try";
  fs::create_directories(path("good"));
  write_into(path("good"));
  const std::vector<fs::path> files = files_below(path("good"));
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    const fs::path full = path("full") / file;
    fs::create_directories(full.parent_path());
    fs::create_symlink("/dev/full", full.string() + PendingFile::process_suffix());
    EXPECT_EQ(error_text<DataError>([&] { write_into(path("full")); }),
              "[" + full.string() +
                  "] cannot be written: got 'No space left on device', expected "
                  "a folder with room to write in");
    EXPECT_THAT(files_below(path("full")), ::testing::IsEmpty()) << file;
    fs::remove_all(path("full"));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FullDisk,
                         ::testing::Values(Case{"native", "a.hotrow"}, Case{"criteo-tsv", "a.tsv"},
                                           Case{"mlperf-bin", "a.bin"},
                                           Case{"hugectr-raw", "a.bin"},
                                           Case{"hugectr-norm", "a.txt"}, Case{"torchrec", "days"},
                                           Case{"multi-hot", "days"},
                                           Case{"split-binary", "split"}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.format;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hotrow::test
