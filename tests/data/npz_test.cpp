#include "data/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "kernels/core/check.h"
#include "tests/data/npy_fixture.h"
#include "tests/fuzz/npz_target.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NpzTest : public FolderTest {};

TEST_F(NpzTest, WhatIsWrittenIsRead) {
  for (auto compression : {NpzWriter::Compression::kStored, NpzWriter::Compression::kDeflate}) {
    const std::vector<float> a = {1.5f, -2, 3e-40f, 4, 5, std::numeric_limits<float>::infinity()};
    const std::vector<int64_t> b = {-7, int64_t{1} << 60, 0};
    const std::vector<uint8_t> c = {0, 255};
    const std::vector<double> d = {3.25};
    const std::vector<int32_t> none;
    NpzWriter writer(path("x.npz"), compression);
    writer.add("a", a, {2, 3});
    writer.add("p0/b.weight", b, {3});
    writer.add("c", c, {1, 2, 1});
    writer.add("scalar", d, {});
    writer.add("none", none, {0, 26});
    writer.finish();
    EXPECT_EQ(files(), 1);

    NpzReader reader(path("x.npz"));
    EXPECT_THAT(reader.names(), ElementsAre("a", "p0/b.weight", "c", "scalar", "none"));
    EXPECT_TRUE(reader.contains("c"));
    EXPECT_FALSE(reader.contains("z"));
    EXPECT_EQ(values_of<float>(reader.read("a")), a);
    EXPECT_THAT(reader.read("a").shape(), ElementsAre(2, 3));
    EXPECT_EQ(values_of<int64_t>(reader.read("p0/b.weight")), b);
    EXPECT_EQ(values_of<uint8_t>(reader.read("c")), c);
    EXPECT_THAT(reader.read("c").shape(), ElementsAre(1, 2, 1));
    EXPECT_EQ(values_of<double>(reader.read("scalar")), d);
    EXPECT_TRUE(reader.read("scalar").shape().empty());
    EXPECT_EQ(reader.read("none").size(), 0);
    EXPECT_THAT(reader.read("none").shape(), ElementsAre(0, 26));
  }
}

// python3 -c "import numpy; numpy.savez_compressed('x.npz', i=numpy.arange(6,
// dtype='i4').reshape(2, 3).T)", NumPy 2.4.6: a Fortran-ordered array of shape (3, 2), deflated.
const unsigned char kFromNumpy[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x05, 0x08,
    0xa3, 0xc7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x69, 0x2e,
    0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x98, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x54,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50,
    0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x69, 0xa2,
    0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a,
    0x12, 0x0f, 0x29, 0x2a, 0x4d, 0x05, 0x0a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xb9, 0x1a, 0xc6,
    0x3a, 0x0a, 0x46, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0xe4, 0x03, 0x2e, 0x06, 0x20, 0x60, 0x04, 0x62,
    0x26, 0x20, 0x66, 0x06, 0x62, 0x16, 0x20, 0x66, 0x05, 0x62, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d,
    0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x05, 0x08, 0xa3, 0xc7, 0x54,
    0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x69, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b,
    0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x33, 0x00, 0x00, 0x00, 0x8b, 0x00,
    0x00, 0x00, 0x00, 0x00,
};

TEST_F(NpzTest, FileOfNumpyInFortranOrder) {
  write("x.npz", {reinterpret_cast<const char*>(kFromNumpy), sizeof(kFromNumpy)});
  NpzReader reader(path("x.npz"));
  const NpyArray i = reader.read("i");
  EXPECT_THAT(i.shape(), ElementsAre(3, 2));
  EXPECT_THAT(values_of<int32_t>(i), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_FALSE(i.header().fortran_order);
  EXPECT_TRUE(reader.open("i").header().fortran_order);
}

TEST_F(NpzTest, BadArchives) {
  NpzWriter writer(path("good.npz"), NpzWriter::Compression::kStored);
  std::vector<int32_t> values(1000);
  std::iota(values.begin(), values.end(), 0);
  writer.add("y", values, {1000});
  writer.finish();
  const std::string good = read("good.npz");
  const auto error = [&](const std::string& bytes) {
    write("x.npz", bytes);
    return error_text<DataError>([&] { NpzReader(path("x.npz")).read("y"); });
  };
  EXPECT_THAT(error(""),
              HasSubstr("x.npz] cannot be read: got an empty file, expected an .npz archive"));
  EXPECT_THAT(error("hello, world"), HasSubstr("got another kind of file"));
  EXPECT_THAT(error(good.substr(0, good.size() / 2)), HasSubstr("cut short or damaged"));
  EXPECT_THAT(error(good.substr(0, good.size() - 1)), HasSubstr("cut short or damaged"));
  std::string flipped = good;
  flipped[1500] ^= 1;  // a bit of one value: only the CRC can tell
  EXPECT_THAT(error(flipped),
              AllOf(HasSubstr("x.npz: array 'y'"), HasSubstr("damaged: got 'CRC error'")));
  std::string reshaped = good;
  reshaped[good.find("(1000,)") + 1] = '2';
  EXPECT_THAT(error(reshaped), HasSubstr("array 'y'] bytes of values: got 4000, expected 8000"));
  EXPECT_THAT(error_text<DataError>([&] { NpzReader(path("absent.npz")); }),
              HasSubstr("absent.npz] cannot be read: got 'No such file"));
  EXPECT_THAT(error_text<DataError>([&] { NpzReader(path("good.npz")).read("X_int"); }),
              HasSubstr("good.npz] no array 'X_int': got y, expected it among them"));
  EXPECT_THROW(NpzReader reader(path()), DataError);
}

TEST_F(NpzTest, DamagedDeflate) {
  NpzWriter writer(path("good.npz"));
  const std::vector<int32_t> values(1000, 7);
  writer.add("y", values, {1000});
  writer.finish();
  const std::string good = read("good.npz");
  const auto error = [&](const std::string& bytes) {
    write("x.npz", bytes);
    return error_text<DataError>([&] { NpzReader(path("x.npz")).read("y"); });
  };
  const size_t directory = good.find("PK\1\2");
  std::string scrambled = good;
  for (size_t i = 60; i < directory; ++i) scrambled[i] = '\xff';
  EXPECT_THAT(error(scrambled),
              AllOf(HasSubstr("array 'y'] the array is damaged"), HasSubstr("more bytes")));
  std::string swollen = good;  // the uncompressed size by the directory: 4 GiB, of a few bytes
  swollen.replace(directory + 24, 4, "\xf0\xff\xff\xff");
  EXPECT_THAT(error(swollen), HasSubstr("array 'y'] size: got 4294967280 bytes out of "));
  for (size_t header : {directory + 20, good.find("PK\3\4") + 18}) {  // the deflated size too
    swollen.replace(header, 4, "\xf0\xff\xff\xff");
    swollen.replace(header + 4, 4, "\xf0\xff\xff\xff");
  }
  EXPECT_THAT(error(swollen), HasSubstr("array 'y'] size: got 4294967280 bytes out of "));
}

TEST_F(NpzTest, MembersInBlocks) {
  constexpr int64_t kRows = 40'000, kColumns = 13;  // several blocks of a mebibyte
  int64_t expected_row = 0;
  NpzWriter writer(path("x.npz"));
  writer.add("m", npy_header<int32_t>({kRows, kColumns}),
             [&](int64_t first_row, std::span<std::byte> out) {
               EXPECT_EQ(first_row, expected_row);
               ASSERT_EQ(out.size() % (4 * kColumns), 0u);
               int32_t* value = reinterpret_cast<int32_t*>(out.data());
               for (size_t i = 0; i < out.size() / 4; ++i)
                 value[i] = static_cast<int32_t>(first_row * kColumns + i);
               expected_row += static_cast<int64_t>(out.size()) / (4 * kColumns);
             });
  writer.finish();
  EXPECT_EQ(expected_row, kRows);

  NpzReader reader(path("x.npz"));
  NpzMember member = reader.open("m");
  EXPECT_EQ(member.header().bytes(), 4 * kRows * kColumns);
  std::vector<int32_t> block(kColumns * 4999);  // does not divide the rows
  for (int64_t done = 0; done < kRows * kColumns;) {
    const int64_t count =
        std::min<int64_t>(static_cast<int64_t>(block.size()), kRows * kColumns - done);
    member.read(std::as_writable_bytes(std::span(block).first(count)));
    for (int64_t i = 0; i < count; ++i) ASSERT_EQ(block[i], done + i);
    done += count;
  }
  EXPECT_THAT(error_text<DataError>(
                  [&] { member.read(std::as_writable_bytes(std::span(block).first(1))); }),
              HasSubstr("cut short: got 0 bytes, expected 4 more"));
}

// A row of a Fortran-ordered array is one value of its last index.
TEST_F(NpzTest, RowsOfAFortranMember) {
  constexpr int64_t kRows = 5, kColumns = 100'000;
  NpyHeader header = npy_header<int32_t>({kRows, kColumns});
  header.fortran_order = true;
  NpzWriter writer(path("x.npz"));
  writer.add("t", header, [&](int64_t first_row, std::span<std::byte> out) {
    ASSERT_EQ(out.size() % (4 * kRows), 0u);
    int32_t* value = reinterpret_cast<int32_t*>(out.data());
    for (size_t i = 0; i < out.size() / 4; ++i)
      value[i] = static_cast<int32_t>(first_row * kRows + i);
  });
  writer.finish();
  const NpyArray array = NpzReader(path("x.npz")).read("t");
  array.check_shape({kRows, kColumns});
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < kColumns; ++j)
      ASSERT_EQ(array.as<int32_t>()[i * kColumns + j], j * kRows + i);
  }
}

// Equal members give equal bytes: the clock does not show. Bytes 10 to 13 of a zip member's local
// header.
TEST_F(NpzTest, MembersAreDatedAsByNumpy) {
  const std::vector<float> y = {1, 2};
  NpzWriter writer(path("x.npz"));
  writer.add("y", y, {2});
  writer.finish();
  EXPECT_EQ(read("x.npz").substr(10, 4), std::string("\0\0\x21\0", 4));  // 1980-01-01 00:00
}

TEST_F(NpzTest, FailedWritesLeaveTheOldFile) {
  write("x.npz", "old");
  {
    NpzWriter writer(path("x.npz"));
    writer.add("y", npy_header<float>({1000}),
               [](int64_t, std::span<std::byte>) { throw std::domain_error("stop"); });
    EXPECT_THROW(writer.finish(), std::domain_error);
  }
  EXPECT_EQ(read("x.npz"), "old");
  EXPECT_EQ(files(), 1);
  {
    const std::vector<float> y = {1};
    NpzWriter unfinished(path("x.npz"));
    unfinished.add("y", y, {1});
  }
  EXPECT_EQ(read("x.npz"), "old");
}

TEST_F(NpzTest, WritersRefuse) {
  const std::vector<float> y = {1, 2};
  NpzWriter writer(path("x.npz"));
  EXPECT_THAT(error_text<InvalidArgument>([&] { writer.finish(); }),
              HasSubstr("got none, expected at least one"));
  EXPECT_THAT(error_text<InvalidArgument>([&] { writer.add("y", y, {3}); }),
              HasSubstr("got 8, expected 12 by its shape"));
  writer.add("y", y, {2});
  EXPECT_THAT(error_text<InvalidArgument>([&] { writer.add("y", y, {2}); }),
              HasSubstr("'y' added twice"));

  NpzWriter nowhere(path("absent/x.npz"));
  nowhere.add("y", y, {2});
  EXPECT_THAT(error_text<DataError>([&] { nowhere.finish(); }),
              HasSubstr("absent/x.npz] cannot be written: got '"));
}

TEST_F(NpzTest, MutatedFilesAreRefusedOrWhole) {
  NpzWriter writer(path("good.npz"), NpzWriter::Compression::kStored);
  const std::vector<int16_t> six = {1, -2, 3, 4, 5, 6};
  const std::vector<double> half = {0.5};
  writer.add("a", six, {2, 3});
  writer.add("b", half, {1});
  writer.finish();
  const std::string npz = read("good.npz");
  const std::string npy =
      npy_image("{'descr': '<i2', 'fortran_order': True, 'shape': (3, 2), }", bytes_of(six));
  ASSERT_TRUE(fuzz::read_npz(npz, path("x.npz")));
  ASSERT_TRUE(fuzz::read_npy(npy, path("x.npy")));
  int bad = 0;
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    bad += !fuzz::read_npz(Mutator(seed)(npz), path("x.npz"));
    bad += !fuzz::read_npy(Mutator(seed)(npy), path("x.npy"));
  }
  EXPECT_GT(bad, 1000);
}

// Files that NumPy wrote: scalars, text, deflate, Fortran order.
TEST(NpzShared, RecordedFiles) {
  const char* shared = std::getenv("HOTROW_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "HOTROW_SHARED is not set";
  NpzReader steps(std::string(shared) + "/reference/steps/dot-sgd.npz");
  EXPECT_THAT(steps.read("config").text(), AllOf(HasSubstr("{"), HasSubstr("}")));
  EXPECT_EQ(steps.read("b0/loss").as<float>().size(), 1u);
  for (const std::string& name : steps.names())
    EXPECT_GT(steps.read(name).header().item_bytes, 0) << name;
  NpzReader kaggle(std::string(shared) + "/reference/kaggle/expected.npz");
  EXPECT_TRUE(kaggle.open("X_cat").header().fortran_order);
  const NpyArray ids = kaggle.read("X_cat");
  ids.check_shape({NpyArray::kAny, 26});
  EXPECT_EQ(ids.cast<int64_t>().size(), static_cast<size_t>(ids.size()));
}

}  // namespace
}  // namespace hotrow::test
