// Native files as bytes in memory: made, taken apart and sealed again.
#pragma once

#include <xxhash.h>

#include <cstring>
#include <string>
#include <vector>

#include "data/formats/native_layout.h"

namespace hotrow::test {

template <class T>
T get(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void put(std::string& bytes, size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

inline size_t trailer_at(const std::string& bytes) {
  return bytes.size() - sizeof(native::Trailer);
}

inline size_t block_entry_at(const std::string& bytes, size_t block) {
  const auto trailer = get<native::Trailer>(bytes, trailer_at(bytes));
  return trailer.blocks_offset + block * sizeof(native::BlockEntry);
}

// Makes all checksums fit the bytes that they are of, as far as these can be found: what lies
// behind the checksums gets tested too. The length in the trailer becomes the true one.
inline void seal(std::string& bytes) {
  if (bytes.size() < sizeof(native::Header) + sizeof(native::Trailer)) return;
  auto header = get<native::Header>(bytes, 0);
  const size_t room = bytes.size() - sizeof header;
  if (header.schema_bytes <= room)
    header.schema_checksum = XXH3_64bits(bytes.data() + sizeof header, header.schema_bytes);
  put(bytes, 0, header);
  header.checksum = XXH3_64bits(bytes.data(), offsetof(native::Header, checksum));
  put(bytes, 0, header);
  auto trailer = get<native::Trailer>(bytes, trailer_at(bytes));
  trailer.file_bytes = bytes.size();
  if (trailer.blocks_offset <= bytes.size() &&
      trailer.blocks <= (bytes.size() - trailer.blocks_offset) / sizeof(native::BlockEntry)) {
    for (size_t k = 0; k < trailer.blocks; ++k) {
      const size_t at = trailer.blocks_offset + k * sizeof(native::BlockEntry);
      auto block = get<native::BlockEntry>(bytes, at);
      if (block.offset > bytes.size() || block.bytes > bytes.size() - block.offset) continue;
      block.checksum = XXH3_64bits(bytes.data() + block.offset, block.bytes);
      put(bytes, at, block);
    }
    trailer.fingerprint =
        XXH3_64bits_withSeed(bytes.data() + trailer.blocks_offset,
                             trailer.blocks * sizeof(native::BlockEntry), header.checksum);
  }
  put(bytes, trailer_at(bytes), trailer);
  trailer.checksum =
      XXH3_64bits(bytes.data() + trailer_at(bytes), offsetof(native::Trailer, checksum));
  put(bytes, trailer_at(bytes), trailer);
}

}  // namespace hotrow::test
