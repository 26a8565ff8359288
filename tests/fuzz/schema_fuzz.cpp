// libFuzzer's entry to the two notations of a schema: schema files in YAML, and the JSON of native
// files.
#include <cstdint>
#include <string>

#include "tests/fuzz/fuzz_mutator.h"
#include "tests/fuzz/schema_json_target.h"
#include "tests/fuzz/text_fuzz.h"

namespace {

constexpr const char* kYaml =
    "separator: tab\ncolumns: [y, a, b, c, d, when]\nmissing: [\"NULL\", \"?\"]\nquotes: true\n"
    "label: {column: y, at_least: 0.5}\nnumerical:\n  - a\n"
    "  - {columns: [b], type: int, transform: none}\ncategorical:\n"
    "  - {columns: [c, 5], type: hex, hash: 1000}\n"
    "  - {columns: d, list: \"|\", max_values: 7, min_frequency: 4}\ntime: when\nmin_frequency: "
    "2\n";

std::string good_file(unsigned number) {
  if (number % 2 == 0) return kYaml;
  hotrow::Schema schema = hotrow::criteo_schema(1, 2);
  schema.categorical[1].hotness = 3;
  schema.categorical[1].fixed_hotness = false;
  return hotrow::schema_to_json(schema);
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hotrow::fuzz::new_input(data, size, max_size, seed, good_file);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  hotrow::test::fuzz_text_schema(input);
  hotrow::fuzz::read_schema_json(input);
  return 0;
}
