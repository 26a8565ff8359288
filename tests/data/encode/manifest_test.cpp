#include "data/encode/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/core/check.h"
#include "tests/fuzz/vocabulary_target.h"
#include "tests/support/expect_throws.h"
#include "tests/support/folder_test.h"
#include "tests/support/mutate.h"

namespace hotrow {
namespace {

using test::write_text;

class ManifestTest : public test::FolderTest {
 protected:
  ManifestTest() {
    write("a", "some bytes");
    write("b", "other bytes");
    Manifest manifest(path(), "stage", work_);
    manifest.add("a", facts_of(path("a")));
    manifest.add("b", facts_of(path("b")));
    manifest.finish();
    whole_ = read("stage.manifest");
  }
  size_t files_of(std::string_view work) const {
    return Manifest(path(), "stage", work).files().size();
  }

  std::string work_ = R"({"rows":3})";
  std::string whole_;
};

TEST_F(ManifestTest, GoesOn) {
  const Manifest manifest(path(), "stage", work_);
  EXPECT_TRUE(manifest.done());
  EXPECT_TRUE(manifest.has("a") && manifest.has("b"));
  EXPECT_FALSE(manifest.has("c"));
  EXPECT_EQ(manifest.files().at("a").bytes, 10);
  EXPECT_EQ(read("stage.manifest"), whole_);  // reading writes nothing
}

TEST_F(ManifestTest, OtherWorkStartsAnew) {
  EXPECT_EQ(files_of(R"({"rows":4})"), 0u);
  Manifest other(path(), "stage", R"({"rows":4})");
  EXPECT_FALSE(other.done());
  other.add("b", facts_of(path("b")));
  EXPECT_EQ(files_of(work_), 0u);
  EXPECT_EQ(files_of(R"({"rows":4})"), 1u);
}

TEST_F(ManifestTest, SaysThatOneForOtherWorkWasThere) {
  EXPECT_FALSE(Manifest(path(), "stage", work_).outdated());
  EXPECT_FALSE(Manifest(path(), "none", work_).outdated());
  EXPECT_TRUE(Manifest(path(), "stage", R"({"rows":4})").outdated());
}

TEST_F(ManifestTest, WhatIsNoFileHasACheckOfItsOwn) {
  Manifest(path(), "parts", work_).add("part", {7, 8});
  EXPECT_FALSE(Manifest(path(), "parts", work_).has("part")) << "there is no such file";
  const Manifest::Check check = [](const std::string& name, const FileFacts& facts) {
    return name == "part" && facts == FileFacts{7, 8};
  };
  EXPECT_TRUE(Manifest(path(), "parts", work_, {}, check).has("part"));
  const Manifest::Check no = [](const std::string&, const FileFacts&) -> bool {
    throw DataError("no");
  };
  EXPECT_FALSE(Manifest(path(), "parts", work_, {}, no).has("part"));
}

// Ctrl-C ends a long check, and what was listed stays so.
TEST_F(ManifestTest, TellsHowFarTheCheckIs) {
  std::vector<double> shares;
  {
    Manifest many(path(), "parts", work_);
    for (int i = 0; i < 100; ++i) many.add(fmt::format("part{:03}", i), {i, 1});
  }
  const std::string listed = read("parts.manifest");
  const Manifest::Check good = [](const std::string&, const FileFacts&) { return true; };
  const Manifest::Progress note = [&](double share) { shares.push_back(share); };
  EXPECT_EQ(Manifest(path(), "parts", work_, note, good).files().size(), 100u);
  ASSERT_GT(shares.size(), 2u);
  EXPECT_EQ(shares.front(), 0);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()) && shares.back() < 1);
  struct Stop {};
  const auto stop = [](double share) {
    if (share > 0) throw Stop();
  };
  EXPECT_THROW(Manifest(path(), "parts", work_, stop, good), Stop);
  EXPECT_EQ(read("parts.manifest"), listed);
}

TEST_F(ManifestTest, FilesThatAreNotWhatTheyWereDoNotCount) {
  for (const std::string text : {"some bytez", "some byte", "some bytes!", ""}) {
    write("a", text);
    const Manifest manifest(path(), "stage", work_);
    EXPECT_FALSE(manifest.done() || manifest.has("a")) << text;
    EXPECT_TRUE(manifest.has("b"));
  }
  std::filesystem::remove(path("b"));
  EXPECT_EQ(files_of(work_), 0u);
}

TEST_F(ManifestTest, ADroppedFileCanBeMadeAgain) {
  write("a", "torn");
  {
    Manifest manifest(path(), "stage", work_);
    write("a", "new bytes");
    manifest.add("a", facts_of(path("a")));
    manifest.finish();
  }
  const Manifest manifest(path(), "stage", work_);
  EXPECT_TRUE(manifest.done());
  EXPECT_EQ(manifest.files().at("a").bytes, 9);
}

TEST_F(ManifestTest, CutAtEveryByte) {
  size_t most = 0;
  for (size_t cut = 0; cut <= whole_.size(); ++cut) {
    write("stage.manifest", whole_.substr(0, cut));
    const Manifest manifest(path(), "stage", work_);
    EXPECT_EQ(manifest.done(), cut == whole_.size()) << cut;
    EXPECT_GE(manifest.files().size(), most);
    most = manifest.files().size();
  }
  EXPECT_EQ(most, 2u);
}

TEST_F(ManifestTest, ForeignLinesEndIt) {
  const std::string head = whole_.substr(0, whole_.find('\n') + 1);
  for (const char* line : {"[]", "{}", "3", "{\"file\":3,\"bytes\":1,\"xxh3\":\"\"}", "garbage",
                           "{\"file\":\"a\",\"bytes\":\"x\",\"xxh3\":\"0\"}"}) {
    write("stage.manifest", head + line + "\n" + whole_.substr(head.size()));
    EXPECT_EQ(files_of(work_), 0u) << line;
  }
}

TEST_F(ManifestTest, MutatedBytesNameNoFileThatIsNotWhatTheySay) {
  write("fuzz.manifest", "");
  std::string good = whole_;
  good.replace(0, good.find('\n'), R"({"stage":"fuzz","work":{}})");
  test::Mutator mutate(3);
  for (int i = 0; i < 3000; ++i) fuzz::read_manifest(mutate(good), path());
}

TEST_F(ManifestTest, CannotBeWritten) {
  Manifest manifest("/dev/null", "stage", work_);
  EXPECT_THROWS(DataError, "cannot be written: got 'Not a directory'", manifest.add("a", {}));
}

}  // namespace
}  // namespace hotrow
