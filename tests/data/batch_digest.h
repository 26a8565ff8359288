// A digest of all values of batches, for comparing with recorded passes.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "data/reader.h"

namespace hotrow {

// FNV-1a over bytes: dense, per table the first `rows` offsets and the ids, labels.
class Digest {
 public:
  void add(const Batch& batch) {
    add(batch.dense.data(), batch.dense.size());
    for (const SparseFeature& feature : batch.sparse) {
      add(feature.offsets.data(), static_cast<size_t>(batch.rows));
      add(feature.ids.data(), feature.ids.size());
    }
    add(batch.labels.data(), batch.labels.size());
  }
  uint64_t value() const { return hash_; }

 private:
  template <class T>
  void add(const T* values, size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values);
    for (size_t i = 0; i < count * sizeof(T); ++i) hash_ = (hash_ ^ bytes[i]) * 0x100000001b3u;
  }

  uint64_t hash_ = 0xcbf29ce484222325u;
};

inline uint64_t digest_of_pass(Reader& reader) {
  Digest digest;
  Batch batch;
  reader.rewind();
  while (reader.next(batch)) digest.add(batch);
  return digest.value();
}

}  // namespace hotrow
