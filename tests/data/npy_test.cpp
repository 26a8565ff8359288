#include "data/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>

#include "kernels/core/check.h"
#include "tests/data/npy_fixture.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NpyTest : public FolderTest {};

TEST_F(NpyTest, FortranOrderOfThreeIndices) {
  std::vector<int16_t> stored(24);
  std::iota(stored.begin(), stored.end(), int16_t{0});
  write("f.npy", npy_image("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3, 4), }",
                           bytes_of(stored)));
  const NpyArray array = read_npy(path("f.npy"));
  const std::span<const int16_t> got = array.as<int16_t>();
  for (int a = 0; a < 2; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = 0; c < 4; ++c) EXPECT_EQ(got[(a * 3 + b) * 4 + c], a + 2 * b + 6 * c);
    }
  }
}

TEST_F(NpyTest, NpyFile) {
  const std::vector<double> values = {1, 2.5, -3};
  write_npy(path("x.npy"), values, {3});
  EXPECT_EQ(read("x.npy"), npy_image("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
                                     bytes_of(values)));
  EXPECT_EQ(values_of<double>(read_npy(path("x.npy"))), values);
  EXPECT_EQ(files(), 1);
}

TEST_F(NpyTest, HeaderVersionsKeyOrderAndText) {
  const std::string dictionary = "{\"shape\":(),'fortran_order':False,'descr':'<U4'}  \n";
  std::string version2 = "\x93NUMPY";
  version2 += {'\2', '\0', static_cast<char>(dictionary.size()), '\0', '\0', '\0'};
  const std::vector<uint32_t> letters = {'a', 0xe9, 0x1f600, 0};
  write("t.npy", version2 + dictionary + bytes_of(letters));
  EXPECT_EQ(read_npy(path("t.npy")).text(), "a\xc3\xa9\xf0\x9f\x98\x80");
}

TEST_F(NpyTest, CastTakesEveryTypeOfExactIntegers) {
  const auto cast = [&](const std::string& descr, const std::string& values) {
    write("c.npy",
          npy_image("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }", values));
    return read_npy(path("c.npy")).cast<int64_t>();
  };
  EXPECT_THAT(cast("<f8", bytes_of<double>({-3, 9007199254740992.0})),
              ElementsAre(-3, int64_t{1} << 53));
  EXPECT_THAT(cast("<f4", bytes_of<float>({-3, 16777216})), ElementsAre(-3, 1 << 24));
  EXPECT_THAT(cast("<i4", bytes_of<int32_t>({-3, 7})), ElementsAre(-3, 7));
  EXPECT_THAT(cast("<i2", bytes_of<int16_t>({-3, 7})), ElementsAre(-3, 7));
  EXPECT_THAT(cast("|i1", bytes_of<int8_t>({-3, 7})), ElementsAre(-3, 7));
  EXPECT_THAT(cast("<u2", bytes_of<uint16_t>({65535, 7})), ElementsAre(65535, 7));
  EXPECT_THAT(cast("<u4", bytes_of<uint32_t>({4294967295u, 7})), ElementsAre(4294967295, 7));
  EXPECT_THAT(cast("<u8", bytes_of<uint64_t>({5, 7})), ElementsAre(5, 7));
  EXPECT_THAT(cast("|b1", bytes_of<uint8_t>({1, 0})), ElementsAre(1, 0));
}

TEST_F(NpyTest, CastRefusesWhatIsNoInteger) {
  const std::vector<double> values = {1, 2.5, std::nan(""), 3e9, -1e19};
  for (size_t bad = 1; bad < values.size(); ++bad) {
    write_npy(path("x.npy"), std::vector<double>{1, values[bad]}, {2});
    const NpyArray array = read_npy(path("x.npy"));
    EXPECT_THAT(
        error_text<DataError>([&] { array.cast<int32_t>(); }),
        AllOf(HasSubstr("x.npy] value 1: got "), HasSubstr("expected an integer of 4 bytes")));
    EXPECT_EQ(array.cast<float>()[0], 1.0f);
  }
  write_npy(path("x.npy"), std::vector<uint64_t>{~uint64_t{0}}, {1});
  EXPECT_THROW(read_npy(path("x.npy")).cast<int64_t>(), DataError);
}

TEST_F(NpyTest, WrongTypeOrShapeIsNamed) {
  write_npy(path("x.npy"), std::vector<float>{1, 2}, {1, 2});
  const NpyArray array = read_npy(path("x.npy"));
  EXPECT_THAT(error_text<DataError>([&] { array.as<double>(); }),
              HasSubstr("x.npy] type of the values: got float32, expected float64"));
  EXPECT_THAT(error_text<DataError>([&] { array.text(); }),
              HasSubstr("got float32, expected text"));
  array.check_shape({NpyArray::kAny, 2});
  EXPECT_THAT(error_text<DataError>([&] {
                array.check_shape({NpyArray::kAny, 3});
              }),
              HasSubstr("got (1, 2), expected (any, 3)"));
  EXPECT_THAT(error_text<DataError>([&] { array.check_shape({2}); }),
              HasSubstr("got (1, 2), expected (2)"));
  write("t.npy", npy_image("{'descr': '<U1', 'fortran_order': False, 'shape': (), }",
                           bytes_of<uint32_t>({'a'})));
  EXPECT_THAT(error_text<DataError>([&] { read_npy(path("t.npy")).cast<float>(); }),
              HasSubstr("got text, expected numbers"));
  // So many texts of no letters take no byte.
  write(
      "t.npy",
      npy_image("{'descr': '<U0', 'fortran_order': False, 'shape': (1152921504606846976,), }", ""));
  EXPECT_THAT(error_text<DataError>([&] { read_npy(path("t.npy")).cast<float>(); }),
              HasSubstr("got text, expected numbers"));
}

TEST_F(NpyTest, BadHeaders) {
  const auto error = [&](const std::string& image) {
    write("x.npy", image);
    const std::string text = error_text<DataError>([&] { read_npy(path("x.npy")); });
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  };
  const auto dictionary = [&](const std::string& text) {
    return error(npy_image(text, "12345678"));
  };
  const std::string rest = "', 'fortran_order': False, 'shape': (1,), }";
  for (const char* descr : {">f8", "|O", "<f16", "<c8", "<M8[s]", "", "<U", "<Ux", "f8"}) {
    EXPECT_THAT(dictionary("{'descr': '" + std::string(descr) + rest),
                HasSubstr("unsupported type: got '" + std::string(descr) + "'"));
  }
  EXPECT_THAT(dictionary("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"),
              HasSubstr("structured arrays are not supported"));
  EXPECT_THAT(dictionary("{'descr': '<f8', 'fortran_order': False, }"),
              HasSubstr("fewer than the three keys"));
  EXPECT_THAT(dictionary("{'descr': '<f8', 'descr': '<f8', 'shape': (1,), }"),
              HasSubstr("unknown or repeated key"));
  EXPECT_THAT(dictionary("{'descr': '<f8', 'fortran_order': 0, 'shape': (1,), }"),
              HasSubstr("neither True nor False"));
  EXPECT_THAT(dictionary("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
              HasSubstr("no tuple of counts"));
  EXPECT_THAT(
      dictionary("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
      HasSubstr("beyond 64 bits"));
  EXPECT_THAT(
      dictionary("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
      HasSubstr("beyond 64 bits"));
  EXPECT_THAT(dictionary("'descr'"), HasSubstr("no '{'"));
  EXPECT_THAT(dictionary("{'descr: 3"), HasSubstr("unclosed string"));
  EXPECT_THAT(error("PK and so on, much longer"), HasSubstr("expected the magic"));
  EXPECT_THAT(error(std::string("\x93NUMPY\7\0\0\0", 10)), HasSubstr("version: got 7"));
  EXPECT_THAT(error(std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12)), HasSubstr("at most 1 MiB"));
  EXPECT_THAT(error(""), HasSubstr("cut short"));
  const std::string good =
      npy_image("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", "12345678");
  EXPECT_THAT(error(good.substr(0, 50)), HasSubstr("cut short"));
  EXPECT_THAT(error(good.substr(0, good.size() - 1)), HasSubstr("cut short"));
}

}  // namespace
}  // namespace hotrow::test
