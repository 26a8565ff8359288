#include "data/pending_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {
namespace {

namespace fs = std::filesystem;

class PendingFileTest : public FolderTest {};

TEST_F(PendingFileTest, UnderANameOfTheCallersItStays) {
  {
    PendingFile file(path("x"), path("mine"));
    EXPECT_EQ(file.partial(), path("mine"));
    write_text(file.partial(), "new");
  }
  EXPECT_EQ(read_text(path("mine")), "new");
  PendingFile(path("x"), path("mine")).publish();
  EXPECT_EQ(read_text(path("x")), "new");
  EXPECT_FALSE(fs::exists(path("mine")));
}

TEST_F(PendingFileTest, HasItsNameOncePublished) {
  write_text(path("x"), "old");
  {
    PendingFile file(path("x"));
    EXPECT_EQ(file.path(), path("x"));
    EXPECT_EQ(fs::path(file.partial()).parent_path(), fs::path(file.path()).parent_path());
    write_text(file.partial(), "new");
    EXPECT_EQ(read_text(path("x")), "old");
    file.publish();
    EXPECT_EQ(read_text(path("x")), "new");
  }
  EXPECT_EQ(read_text(path("x")), "new");
  EXPECT_EQ(files(), 1);
}

TEST_F(PendingFileTest, LeavesNothingUnfinished) {
  { PendingFile untouched(path("x")); }
  {
    PendingFile file(path("x"));
    write_text(file.partial(), "half");
    EXPECT_EQ(files(), 1);
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(PendingFileTest, AnotherProcessHasAnotherName) {
  const PendingFile file(path("x"));
  const pid_t child = fork();
  if (child == 0) _exit(PendingFile(path("x")).partial() == file.partial() ? 1 : 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(PendingFileTest, ReplacesNothingButFiles) {
  const auto refusal = [&] { return error_text<DataError>([&] { PendingFile file(path("x")); }); };
  const auto expected = [&](const std::string& got) {
    return "[" + path("x") + "] cannot be replaced: got " + got +
           ", expected a file or nothing there";
  };
  fs::create_directory(path("x"));
  EXPECT_EQ(refusal(), expected("a folder"));
  fs::remove(path("x"));
  ASSERT_EQ(mkfifo(path("x").c_str(), 0666), 0);
  EXPECT_EQ(refusal(), expected("a device or a pipe"));
  EXPECT_EQ(error_text<DataError>([&] { PendingFile(path("x"), path("mine")); }),
            expected("a device or a pipe"));
  fs::remove(path("x"));
  fs::create_symlink("/dev/null", path("x"));
  EXPECT_EQ(refusal(), expected("a link (give the path that it leads to)"));
}

TEST_F(PendingFileTest, ErrorsNameTheFileAndTheReason) {
  PendingFile file(path("x"));
  const auto expected = [&](const std::string& reason) {
    return "[" + path("x") + "] cannot be written: got '" + reason +
           "', expected a folder with room to write in";
  };
  EXPECT_EQ(error_text<DataError>([&] { file.publish(); }), expected("No such file or directory"));
  file.check(true);
  errno = ENOSPC;
  EXPECT_EQ(error_text<DataError>([&] { file.check(false); }), expected("No space left on device"));
}

}  // namespace
}  // namespace hotrow::test
