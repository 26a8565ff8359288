// libFuzzer's entry to the reader of native files; see tests/fuzz/CMakeLists.txt.
#include "tests/data/formats/native_bytes.h"
#include "tests/fuzz/native_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hotrow::fuzz::read_native({data, size});
  std::string sealed(reinterpret_cast<const char*>(data), size);
  hotrow::test::seal(sealed);
  hotrow::fuzz::read_native({reinterpret_cast<const uint8_t*>(sealed.data()), sealed.size()});
  return 0;
}
