// The files of a data set: which they are, and that those of two never pass for one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/formats.h"
#include "kernels/core/check.h"
#include "tests/data/formats/format_case.h"
#include "tests/data/formats/rows_check.h"
#include "tests/data/formats/sample_rows.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

struct Samples {
  Rows rows;
  std::vector<int64_t> table_sizes;
};

class DataSetFiles : public FolderTest, public ::testing::WithParamInterface<FormatCase> {
 protected:
  static const Format& format() { return find_format(GetParam().format); }
  std::string set_in(const std::string& folder) const {
    return (fs::path(path(folder)) / GetParam().name).string();
  }
  // One of two data sets of equal sizes, with other samples and, where parts need not agree, other
  // tables.
  std::unique_ptr<RowSink> filled_sink(const std::string& folder, bool second) const {
    Schema schema = GetParam().multi_hot ? multi_hot_schema(true) : sized_criteo_schema();
    if (second && !format().parts) {
      for (CategoricalColumn& column : schema.categorical) column.cardinality += 3;
    }
    fs::create_directories(path(folder));
    auto sink = format().create(set_in(folder), schema, {});
    sink->write(sample_rows(schema, 20, 1 + second));
    return sink;
  }
  void write_set(const std::string& folder, bool second) const {
    filled_sink(folder, second)->finish();
  }
  size_t kill_before(size_t i, bool renames, bool with_another);
  // Nothing where the reader refuses it.
  std::optional<Samples> read_set(const std::string& folder) const {
    try {
      const auto source = format().open(set_in(folder), {});
      Samples samples{read_all(*source), {}};
      for (const CategoricalColumn& column : source->schema().categorical)
        samples.table_sizes.push_back(column.cardinality);
      return samples;
    } catch (const DataError&) {
      return std::nullopt;
    }
  }
};

bool operator==(const Samples& a, const Samples& b) {
  bool same = a.rows.labels == b.rows.labels && a.rows.dense == b.rows.dense &&
              a.table_sizes == b.table_sizes && a.rows.sparse.size() == b.rows.sparse.size();
  for (size_t t = 0; same && t < a.rows.sparse.size(); ++t)
    same = a.rows.sparse[t].ids == b.rows.sparse[t].ids;
  return same;
}

TEST_P(DataSetFiles, AreToldByTheSource) {
  write_set("a", false);
  std::vector<fs::path> told;
  for (const std::string& file : format().open(set_in("a"), {})->files())
    told.push_back(fs::path(file).lexically_relative(path("a")));
  std::sort(told.begin(), told.end());
  std::vector<fs::path> all = files_below(path("a"));
  std::erase_if(all, [](const fs::path& file) {  // what describes samples has none
    const std::string name = file.filename().string();
    return name.ends_with("_count.npz") || name.ends_with(".txt") || name.ends_with(".yaml");
  });
  EXPECT_EQ(told, all);
  EXPECT_FALSE(told.empty());
}

// As if it were killed before file `i` of "mix" is removed, or renamed. Gives the number of files.
size_t DataSetFiles::kill_before(size_t i, bool renames, bool with_another) {
  fs::copy(path("old"), path("mix"), fs::copy_options::recursive);
  const auto sink = filled_sink("mix", true);
  std::vector<const PendingFile*> all = sink->close();
  const PendingFile another(path("mix/another"));  // as a vocabulary is
  write_text(another.partial(), "new");
  if (with_another) all.push_back(&another);
  const fs::path there = all[i]->path(),
                 old = fs::path(path("old")) / fs::path(there).lexically_relative(path("mix"));
  if (renames) {
    fs::remove(all[i]->partial());
  } else {
    fs::remove(there);
    fs::create_directories(there / "in the way");
  }
  EXPECT_NE(error_text<DataError>([&] { publish_all(all); }), "no error") << there;
  if (renames) return all.size();
  fs::remove_all(there);
  if (fs::exists(old)) fs::copy_file(old, there);
  return all.size();
}

TEST_P(DataSetFiles, AreNeverOfTwoDataSets) {
  write_set("old", false);
  write_set("new", true);
  const auto first = read_set("old"), second = read_set("new");
  ASSERT_TRUE(first && second && !(*first == *second));
  for (const bool renames : {false, true}) {
    for (const bool with_another : {false, true}) {
      for (size_t i = 0, count = 1; i < count; ++i) {
        count = kill_before(i, renames, with_another);
        const auto found = read_set("mix");
        EXPECT_TRUE(!found || *found == *first || *found == *second)
            << "file " << i << " of " << count << (renames ? ", renamed" : ", removed");
        fs::remove_all(path("mix"));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, DataSetFiles,
    ::testing::Values(FormatCase{"native", "a.hotrow"}, FormatCase{"kaggle", "a.npz"},
                      FormatCase{"mlperf-bin", "a.bin"}, FormatCase{"hugectr-raw", "a.bin", true},
                      FormatCase{"hugectr-norm", "a.txt", true}, FormatCase{"torchrec", "days"},
                      FormatCase{"multi-hot", "days", true}, FormatCase{"split-binary", "split"}),
    name_of_case);

}  // namespace
}  // namespace hotrow::test
