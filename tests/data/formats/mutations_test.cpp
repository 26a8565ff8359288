// Damaged files of every binary format: a DataError or samples that keep the contract, never a
// crash or a hang.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/data/formats/sample_rows.h"
#include "tests/fuzz/formats_target.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char* format;
  const char* name;  // of what is written
  bool multi_hot;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.format; }

class Mutations : public FolderTest, public ::testing::WithParamInterface<Case> {};

TEST_P(Mutations, NothingButDataErrors) {
  const Case& c = GetParam();
  const Schema schema = c.multi_hot ? multi_hot_schema(true) : sized_criteo_schema();
  SinkOptions options;
  options.compress = false;  // so that damage gets past the checksum of the archive more often
  write_all(*find_format(c.format).create(path(c.name), schema, options), sample_rows(schema, 5));
  ASSERT_TRUE(fuzz::read_format(c.format, path(c.name)));
  int good = 0, bad = 0;
  std::vector<fs::path> all;
  for (const auto& entry : fs::recursive_directory_iterator(path())) {
    if (entry.is_regular_file()) all.push_back(entry.path());
  }
  for (const fs::path& file : all) {
    const std::string whole = read_text(file);
    for (uint32_t seed = 0; seed < 400; ++seed) {
      write_text(file, Mutator(seed)(whole));
      ++(fuzz::read_format(c.format, path(c.name)) ? good : bad);
    }
    write_text(file, whole);
  }
  EXPECT_TRUE(fuzz::read_format(c.format, path(c.name)));
  EXPECT_GT(bad, 100) << good;
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Mutations,
    ::testing::Values(Case{"kaggle", "a.npz", false}, Case{"mlperf-bin", "a.bin", false},
                      Case{"hugectr-raw", "a.bin", true}, Case{"hugectr-norm", "a.txt", true},
                      Case{"torchrec", "days", false}, Case{"multi-hot", "days", true}),
    [](const auto& param_info) {
      std::string name = param_info.param.format;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace hotrow::test
