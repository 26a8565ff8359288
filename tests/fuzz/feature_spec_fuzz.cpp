#include "tests/fuzz/feature_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  hotrow::test::try_feature_spec(text);
  hotrow::test::try_spec_csv_line(text);
  return 0;
}
