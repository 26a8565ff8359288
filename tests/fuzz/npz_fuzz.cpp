// libFuzzer's entry to the readers of NumPy's files.
#include <cstdint>
#include <string>
#include <vector>

#include "tests/data/npy_fixture.h"
#include "tests/fuzz/fuzz_folder.h"
#include "tests/fuzz/fuzz_mutator.h"
#include "tests/fuzz/npz_target.h"

namespace {

// An .npz file and an .npy file in turns.
std::string good_file(unsigned number) {
  const std::vector<int16_t> values = {1, -2, 3, 4, 5, 32767};
  const std::vector<double> half = {0.5};
  if (number % 2 == 0) {
    return hotrow::test::npy_image("{'descr': '<i2', 'fortran_order': True, 'shape': (3, 2), }",
                                   hotrow::test::bytes_of(values));
  }
  const std::string path = hotrow::fuzz::folder() + "/good.npz";
  hotrow::NpzWriter npz(path, number % 4 == 1 ? hotrow::NpzWriter::Compression::kStored
                                              : hotrow::NpzWriter::Compression::kDeflate);
  npz.add("a", values, {2, 3});
  npz.add("b", half, {1});
  npz.finish();
  return hotrow::test::read_text(path);
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return hotrow::fuzz::new_input(data, size, max_size, seed, good_file);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  hotrow::fuzz::read_npz(bytes, hotrow::fuzz::folder() + "/a.npz");
  hotrow::fuzz::read_npy(bytes, hotrow::fuzz::folder() + "/a.npy");
  return 0;
}
