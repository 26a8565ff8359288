// libFuzzer's entry to the readers of vocabulary files and manifests.
#include <unistd.h>

#include <string>

#include "tests/fuzz/vocabulary_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string folder = [] {
    const auto path = std::filesystem::temp_directory_path() /
                      ("hotrow_vocabulary_fuzz_" + std::to_string(getpid()));
    std::filesystem::create_directories(path);
    return path.string();
  }();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  hotrow::fuzz::read_vocabulary(bytes, folder + "/file");
  hotrow::fuzz::read_manifest(bytes, folder);
  hotrow::fuzz::seal_vocabulary(bytes);
  hotrow::fuzz::read_vocabulary(bytes, folder + "/file");
  return 0;
}
