// libFuzzer's entry to the readers of vocabulary files and manifests.
#include <string>

#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/vocabulary_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string& folder = hotrow::fuzz::folder();
  std::string bytes(reinterpret_cast<const char*>(data), size);
  hotrow::fuzz::read_vocabulary(bytes, folder + "/file");
  hotrow::fuzz::read_manifest(bytes, folder);
  hotrow::fuzz::seal_vocabulary(bytes);
  hotrow::fuzz::read_vocabulary(bytes, folder + "/file");
  return 0;
}
