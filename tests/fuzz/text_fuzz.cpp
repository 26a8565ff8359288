// For libFuzzer: both parsers over the same bytes.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/text_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  hotrow::test::fuzz_text(input);
  hotrow::test::fuzz_text_schema(input);
  return 0;
}
