#include "data/mapped_file.h"

#include "kernels/core/check.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"

namespace hotrow {
namespace {

using MappedFileTest = test::FolderTest;

TEST_F(MappedFileTest, HasTheBytesOfTheFile) {
  const MappedFile file(write("a.bin", "hot row"));
  EXPECT_EQ(
      std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()),
      "hot row");
  EXPECT_EQ(file.path(), path("a.bin"));
  EXPECT_TRUE(MappedFile(write("empty", "")).bytes().empty());
}

TEST_F(MappedFileTest, RefusesWhatIsNoFile) {
  EXPECT_THROWS(DataError, "cannot be read: got 'No such file or directory'",
                MappedFile{path("none")});
  EXPECT_THROWS(DataError, "cannot be read: got a folder, pipe or device", MappedFile{path()});
}

}  // namespace
}  // namespace hotrow
