// libFuzzer's entry to the readers of binary files. The first byte chooses the format.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "tests/fuzz/formats_target.h"
#include "tests/support/folder_test.h"

namespace {

// A folder of this process, for the readers want files.
const std::string& folder() {
  static const std::string path = [] {
    std::string made = std::filesystem::temp_directory_path() / "hotrow_fuzz_XXXXXX";
    if (mkdtemp(made.data()) == nullptr) std::abort();
    std::atexit([] { std::filesystem::remove_all(folder()); });
    return made;
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::array kFiles = {std::pair{"kaggle", "a.npz"},
                                 std::pair{"mlperf-bin", "a.bin"},
                                 std::pair{"hugectr-raw", "b_fea_count.npz"},
                                 std::pair{"hugectr-norm", "a.data"},
                                 std::pair{"hugectr-norm", "a.txt"},
                                 std::pair{"torchrec", "day_0_sparse.npy"}};
  if (size == 0) return 0;
  const auto& [format, name] = kFiles[data[0] % kFiles.size()];
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string path = folder() + "/" + name;
  hotrow::test::write_text(path, bytes);
  if (name == std::string("b_fea_count.npz")) {
    hotrow::test::write_text(folder() + "/b.bin", std::string(912, '\0'));
    hotrow::fuzz::read_format(format, folder() + "/b.bin");
  } else if (format == std::string("torchrec")) {
    // The same bytes thrice: arrays of one length.
    hotrow::test::write_text(folder() + "/day_0_dense.npy", bytes);
    hotrow::test::write_text(folder() + "/day_0_labels.npy", bytes);
    hotrow::fuzz::read_format(format, folder());
  } else {
    hotrow::fuzz::read_format(format, path);
  }
  std::filesystem::remove(path);
  return 0;
}
