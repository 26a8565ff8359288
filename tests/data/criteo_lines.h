// Criteo-shaped lines from a 64-bit linear congruential generator, easy to repeat in any language,
// and what the Criteo tests share. Numbers recorded from other programs belong to these lines.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "data/criteo_files.h"
#include "data/npz.h"
#include "tests/support/error_text.h"
#include "tests/support/folder_test.h"

namespace hotrow::test {

class CriteoLines {
 public:
  // One line with its end: a label, 13 integers from -3 to 996, 26 hex values of 2 + j * j kinds in
  // column j, also above 2^31; a seventh of the integers and an eleventh of the rest are missing.
  std::string next() {
    std::string line = draw() % 4 == 0 ? "1" : "0";
    for (int i = 0; i < 13; ++i) {
      const bool missing = draw() % 7 == 0;
      const int64_t value = static_cast<int64_t>(draw() % 1000) - 3;
      line += missing ? "\t" : fmt::format("\t{}", value);
    }
    for (uint64_t j = 0; j < 26; ++j) {
      const bool missing = draw() % 11 == 0;
      const uint64_t value = draw() % (2 + j * j) * 2654435761 % (uint64_t{1} << 32);
      line += missing ? "\t" : fmt::format("\t{:08x}", value);
    }
    return line + "\n";
  }
  std::string next(int64_t lines) {
    std::string text;
    for (int64_t i = 0; i < lines; ++i) text += next();
    return text;
  }

 private:
  uint64_t draw() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 33;
  }
  uint64_t state_ = 7;
};

// FNV-1a over whole numbers, each taken as one 64-bit unit.
class Fnv {
 public:
  void add(int64_t value) { hash_ = (hash_ ^ static_cast<uint64_t>(value)) * 0x100000001b3u; }
  void add(const NpyArray& array) {
    for (int64_t value : array.cast<int64_t>()) add(value);
  }
  uint64_t hash() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

inline uint64_t hash_of(const std::string& npz, std::string_view name) {
  Fnv fnv;
  fnv.add(NpzReader(npz).read(name));
  return fnv.hash();
}

class CriteoFolderTest : public FolderTest {
 protected:
  // 61 lines in train.txt, or 3 + i % 4 lines in each of day_0 .. day_23; returns the raw file's
  // name.
  std::string write_raw(CriteoSet set) const {
    CriteoLines lines;
    if (set == CriteoSet::kKaggle) return write("train.txt", lines.next(61));
    for (int i = 0; i < 24; ++i) write(fmt::format("day_{}", i), lines.next(3 + i % 4));
    return path("day");
  }
};

}  // namespace hotrow::test
