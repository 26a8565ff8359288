// The bytes of a native file (.hotrow), which docs/native_format.md describes for other programs.
//
//   Header | schema, JSON | block 0 | block 1 | ... | BlockEntry of each block | Trailer
//
// Numbers are little-endian. Header, blocks, what is in them, and the list of blocks begin at
// multiples of 64 bytes; what lies between is zero. A checksum is the XXH3-64 of its bytes.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hotrow::native {

static_assert(std::endian::native == std::endian::little, "files are mapped as they are");

inline constexpr std::array<char, 8> kMagic = {'\x89', 'H', 'O', 'T', 'R', 'O', 'W', '\n'};
inline constexpr std::array<char, 8> kEndMagic = {'H', 'O', 'T', 'R', 'O', 'W', '\n', '\x89'};
inline constexpr uint32_t kVersion = 1;
inline constexpr uint32_t kByteOrder = 0x01020304;
inline constexpr uint64_t kAlign = 64;
inline constexpr uint64_t kMaxBlockRows = uint64_t{1} << 24;

constexpr uint64_t aligned(uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t byte_order;
  uint64_t block_rows;  // of every block but the last, which may have fewer
  uint64_t columns;     // label, numerical and categorical columns
  uint64_t schema_bytes;
  uint64_t schema_checksum;
  uint64_t reserved;  // 0
  uint64_t checksum;  // of what is before it
};

// The types that values are stored in, each chunk of a column in the narrowest that holds its
// values exactly.
enum class Code : uint32_t {
  kNone = 0,
  kUint8 = 1,
  kUint16 = 2,
  kUint32 = 3,
  kInt64 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kFloat16 = 7,
  kFloat32 = 8,
  kFloat64 = 9,
  kBits = 10,
};

// Of `count` values one after the other; kBits has eight of them in a byte.
constexpr uint64_t bytes_of(Code code, uint64_t count) {
  switch (code) {
    case Code::kNone:
      return 0;
    case Code::kBits:
      return (count + 7) / 8;
    case Code::kUint8:
      return count;
    case Code::kUint16:
    case Code::kInt16:
    case Code::kFloat16:
      return 2 * count;
    case Code::kUint32:
    case Code::kInt32:
    case Code::kFloat32:
      return 4 * count;
    case Code::kInt64:
    case Code::kFloat64:
      return 8 * count;
  }
  return 0;
}

// A block begins with one of these a column: label, numerical, categorical. Offsets are from the
// start of the block.
struct ColumnEntry {
  uint64_t values = 0;            // offset
  uint64_t count = 0;             // of values: rows, or ids
  uint64_t extra = 0;             // offset: bits of missing numbers, or lengths of bags; 0: neither
  Code type = Code::kNone;        // of the values
  Code extra_type = Code::kNone;  // kBits, kUint8, kUint16 or kUint32; kNone: no extra
};

struct BlockEntry {
  uint64_t offset;  // in the file
  uint64_t bytes;
  uint64_t rows;
  uint64_t checksum;
};

struct Trailer {
  uint64_t blocks_offset;  // of the list of blocks
  uint64_t blocks;
  uint64_t rows;
  uint64_t file_bytes;
  uint64_t fingerprint;  // of the list of blocks, seeded with Header::checksum: of all the data
  uint64_t reserved;     // 0
  uint64_t checksum;     // of what is before it
  std::array<char, 8> magic;
};

static_assert(sizeof(Header) == kAlign && sizeof(Trailer) == kAlign);
static_assert(sizeof(ColumnEntry) == 32 && sizeof(BlockEntry) == 32);

}  // namespace hotrow::native
