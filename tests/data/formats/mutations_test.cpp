// Damaged files of every binary format: a DataError or samples that keep the contract, never a
// crash or a hang.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/data/formats/format_case.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/fuzz/formats_target.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

class Mutations : public FolderTest, public ::testing::WithParamInterface<FormatCase> {};

TEST_P(Mutations, NothingButDataErrors) {
  const FormatCase& c = GetParam();
  const Schema schema = c.multi_hot ? multi_hot_schema(true) : sized_criteo_schema();
  SinkOptions options;
  options.compress = false;  // so that damage gets past the checksum of the archive more often
  write_all(*find_format(c.format).create(path(c.name), schema, options), sample_rows(schema, 5));
  ASSERT_TRUE(fuzz::read_format(c.format, path(c.name)));
  int good = 0, bad = 0;
  for (const fs::path& name : files_below(path())) {
    const fs::path file = path() / name;
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

INSTANTIATE_TEST_SUITE_P(Formats, Mutations,
                         ::testing::Values(FormatCase{"kaggle", "a.npz"},
                                           FormatCase{"mlperf-bin", "a.bin"},
                                           FormatCase{"hugectr-raw", "a.bin", true},
                                           FormatCase{"hugectr-norm", "a.txt", true},
                                           FormatCase{"torchrec", "days"},
                                           FormatCase{"multi-hot", "days", true}),
                         name_of_case);

}  // namespace
}  // namespace hotrow::test
