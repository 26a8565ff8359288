// libFuzzer's entry to the readers of binary formats. An input's first byte chooses a format, its
// second one a file of a small good data set of that format, and the rest is that file. At the end
// it prints how many inputs each format got.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "tests/data/formats/sample_rows.h"
#include "tests/fuzz/formats_target.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_mutator.h"
#include "tests/support/folder_test.h"

namespace {

namespace fs = std::filesystem;

struct File {
  std::string path, bytes;
};

struct DataSet {
  const char* format;
  std::string path;
  std::vector<File> files;
  int64_t inputs = 0;
};

// NVIDIA's files before splitting, which nothing writes.
void write_nvidia_bin(const std::string& folder) {
  fs::create_directories(folder);
  hotrow::test::write_text(folder + "/model_size.json", R"({"a": 8, "b": 300})");
  std::string samples(3 * 4 * (1 + 13 + 2), '\0');
  samples[4 * 17] = 1;  // an id
  hotrow::test::write_text(folder + "/train_data.bin", samples);
}

DataSet make_data_set(const char* format, const std::string& name, bool multi_hot) {
  DataSet set{format, hotrow::fuzz::folder() + "/" + format + "/" + name, {}};
  fs::create_directories(fs::path(set.path).parent_path());
  if (std::string_view(format) == "nvidia-bin") {
    write_nvidia_bin(set.path);
  } else {
    const hotrow::Schema schema =
        multi_hot ? hotrow::test::multi_hot_schema(true) : hotrow::test::sized_criteo_schema();
    hotrow::SinkOptions options;
    options.compress = false;  // so that damage gets past the archive's checksum more often
    hotrow::test::write_all(*hotrow::find_format(format).create(set.path, schema, options),
                            hotrow::test::sample_rows(schema, 3));
  }
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(set.path).parent_path())) {
    if (!entry.is_regular_file()) continue;
    set.files.push_back({entry.path().string(), hotrow::test::read_text(entry.path().string())});
  }
  std::sort(set.files.begin(), set.files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return set;
}

constexpr std::tuple<const char*, const char*, bool> kKinds[] = {
    {"kaggle", "a.npz", false},      {"mlperf-bin", "a.bin", false}, {"hugectr-raw", "a.bin", true},
    {"hugectr-norm", "a.txt", true}, {"torchrec", "days", false},    {"multi-hot", "days", true},
    {"split-binary", "set", false},  {"nvidia-bin", "set", false}};

struct DataSets {
  std::vector<DataSet> all;

  DataSets() {
    for (const auto& [format, name, multi_hot] : kKinds) {
      all.push_back(make_data_set(format, name, multi_hot));
    }
  }
  ~DataSets() {
    for (const DataSet& set : all) {
      std::fprintf(stderr, "%-12s %lld inputs\n", set.format, static_cast<long long>(set.inputs));
    }
  }
};

std::vector<DataSet>& data_sets() {
  static DataSets sets;
  return sets.all;
}

std::string good_input(unsigned number) {
  const size_t set = number % data_sets().size();
  const std::vector<File>& files = data_sets()[set].files;
  const size_t file = number / data_sets().size() % files.size();
  return std::string{static_cast<char>(set), static_cast<char>(file)} + files[file].bytes;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hotrow::fuzz::new_input(data, size, max_size, seed, good_input);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  DataSet& set = data_sets()[data[0] % data_sets().size()];
  const File& file = set.files[data[1] % set.files.size()];
  ++set.inputs;
  hotrow::test::write_text(file.path, {reinterpret_cast<const char*>(data) + 2, size - 2});
  hotrow::fuzz::read_format(set.format, set.path);
  hotrow::test::write_text(file.path, file.bytes);
  return 0;
}
