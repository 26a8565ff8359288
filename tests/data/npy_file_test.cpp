#include "data/npy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/core/check.h"
#include "tests/data/npy_fixture.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NpyFileTest : public FolderTest {};

TEST_F(NpyFileTest, WriterAndReader) {
  NpyWriter writer(path("a.npy"), NpyType::kFloat32, 4, 3);
  const std::vector<float> first = {1, 2, 3}, rest = {4, 5, 6, 7, 8, 9.5f};
  writer.write(std::as_bytes(std::span(first)));
  writer.write(std::as_bytes(std::span(rest)));
  EXPECT_FALSE(std::filesystem::exists(path("a.npy")));
  writer.close();
  writer.publish();
  EXPECT_THAT(read_npy(path("a.npy")).shape(), ElementsAre(3, 3));
  NpyFile file(path("a.npy"));
  EXPECT_EQ(file.rows(), 3);
  EXPECT_EQ(file.columns(), 3);
  std::vector<double> out;
  file.read(1, 2, out);
  EXPECT_THAT(out, ElementsAre(4, 5, 6, 7, 8, 9.5));
  file.read(0, 1, out);
  EXPECT_THAT(out, ElementsAre(1, 2, 3));

  NpyWriter vector(path("v.npy"), NpyType::kInt32, 4, 0);
  vector.close();
  vector.publish();
  EXPECT_THAT(read_npy(path("v.npy")).shape(), ElementsAre(0));
}

TEST_F(NpyFileTest, FortranOrder) {
  write("f.npy", npy_image("{'descr': '<i2', 'fortran_order': True, 'shape': (3, 2), }",
                           bytes_of<int16_t>({1, 2, 3, 4, 5, 6})));
  NpyFile file(path("f.npy"));
  std::vector<double> out;
  file.read(1, 2, out);
  EXPECT_THAT(out, ElementsAre(2, 5, 3, 6));
}

TEST_F(NpyFileTest, MoreThanABlock) {
  constexpr int64_t kRows = 200000;  // 1.6 MB a column
  std::vector<double> values(2 * kRows);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) * 0.5;
  for (const char* order : {"False", "True"}) {
    write("x.npy",
          npy_image(fmt::format("{{'descr': '<f8', 'fortran_order': {}, 'shape': ({}, 2), }}",
                                order, kRows),
                    bytes_of(values)));
    NpyFile file(path("x.npy"));
    std::vector<double> out;
    file.read(5, kRows - 5, out);
    for (size_t r = 0; r < static_cast<size_t>(kRows) - 5; ++r) {
      const bool by_column = order[0] == 'T';
      ASSERT_EQ(out[2 * r], values[by_column ? r + 5 : 2 * (r + 5)]);
      ASSERT_EQ(out[2 * r + 1], values[by_column ? kRows + r + 5 : 2 * (r + 5) + 1]);
    }
  }
}

// numpy.array([0, -0., 1, -2.5, 65504, 6e-8, inf, nan], dtype='f2').tobytes(), NumPy 2.4.6.
TEST_F(NpyFileTest, HalfFloats) {
  const std::vector<uint16_t> bits = {0x0000, 0x8000, 0x3c00, 0xc100,
                                      0x7bff, 0x0001, 0x7c00, 0x7e00};
  write("h.npy",
        npy_image("{'descr': '<f2', 'fortran_order': False, 'shape': (8,), }", bytes_of(bits)));
  std::vector<double> out;
  NpyFile(path("h.npy")).read(0, 8, out);
  EXPECT_TRUE(std::signbit(out[1]));
  EXPECT_TRUE(std::isnan(out[7]));
  out.pop_back();
  EXPECT_THAT(out,
              ElementsAre(0, 0, 1, -2.5, 65504, 0x1p-24, std::numeric_limits<double>::infinity()));
  const std::vector<float> cast = read_npy(path("h.npy")).cast<float>();
  EXPECT_EQ(std::vector<double>(cast.begin(), cast.end() - 1), out);
  EXPECT_THAT(error_text<DataError>([&] { read_npy(path("h.npy")).cast<int32_t>(); }),
              HasSubstr("value 3: got -2.5, expected an integer"));
}

TEST_F(NpyFileTest, BadFiles) {
  const auto error = [&](const std::string& dictionary, const std::string& values) {
    write("x.npy", npy_image(dictionary, values));
    return error_text<DataError>([&] { NpyFile file(path("x.npy")); });
  };
  EXPECT_THAT(error("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }", "12345678"),
              HasSubstr("bytes of values: got 8, expected 16 by the header"));
  EXPECT_THAT(error("{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }", "12345"),
              HasSubstr("bytes of values: got 5, expected 4 by the header"));
  EXPECT_THAT(error("{'descr': '<i4', 'fortran_order': False, 'shape': (), }", "1234"),
              HasSubstr("wrong rank: got 0"));
  EXPECT_THAT(error("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }", "1234"),
              HasSubstr("got text"));
  write("x.npy", "\x93NUMPY\x01");
  EXPECT_THAT(error_text<DataError>([&] { NpyFile file(path("x.npy")); }),
              HasSubstr("cut short: got 7 of 8 bytes"));
  EXPECT_THAT(error_text<DataError>([&] { NpyFile file(path("absent.npy")); }),
              HasSubstr("absent.npy] cannot be read: got 'No such file"));
  EXPECT_THAT(error_text<DataError>([&] { NpyWriter(path("absent/x.npy"), NpyType::kInt8, 1, 0); }),
              HasSubstr("absent/x.npy] cannot be written: got 'No such file"));
}

}  // namespace
}  // namespace hotrow::test
