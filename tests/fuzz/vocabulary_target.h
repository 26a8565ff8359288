// Reads any bytes as a vocabulary file and as the manifest of a stage. What comes out is a
// DataError or data that keep their contract; anything else ends the process.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "data/encode/manifest.h"
#include "data/encode/vocabulary_file.h"
#include "kernels/core/check.h"
#include "tests/support/folder_test.h"

namespace hotrow::fuzz {

inline void must(bool ok) {
  if (!ok) std::abort();
}

// Gives a file's head, where it says how long that is, the checksum that it ought to have.
inline void seal_vocabulary(std::string& bytes) {
  uint64_t size = 0;
  if (bytes.size() < 24) return;
  std::memcpy(&size, bytes.data() + 8, sizeof(size));
  if (size > bytes.size() - 24) return;
  const uint64_t hash = XXH3_64bits(bytes.data() + 24, size);
  std::memcpy(bytes.data() + 16, &hash, sizeof(hash));
}

// Gives whether it was a vocabulary. `path`: a file to write.
inline bool read_vocabulary(std::string_view bytes, const std::string& path) {
  test::write_text(path, bytes);
  try {
    const VocabularyFile file = open_vocabulary(path);
    for (size_t c = 0; c < file.columns.size(); ++c) {
      const VocabularySlice& slice = file.columns[c].slice;
      must(slice.entries >= 0 && slice.at >= 0 &&
           slice.at + slice.entries * 16 <= static_cast<int64_t>(bytes.size()));
      const int64_t id = ColumnIds(file, c).id(c);
      must(id >= IdScheme::kNoRow && (id < file.rows(c) || id == file.scheme.unseen_id));
    }
    return true;
  } catch (const DataError&) {
    return false;
  }
}

// `folder` is where the manifest goes; files that it names are looked for there.
inline void read_manifest(std::string_view bytes, const std::string& folder) {
  test::write_text(folder + "/fuzz.manifest", bytes);
  const Manifest manifest(folder, "fuzz", "{}");
  for (const auto& [name, facts] : manifest.files()) {
    must(facts_of(manifest.path_of(name)) == facts);
  }
}

}  // namespace hotrow::fuzz
