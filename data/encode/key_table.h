// A hash table of 64-bit keys that never holds more than its share of memory: a full one gives up
// the upper half of its keys, by hash, and goes on with the others.
//
//   KeyTable<Count> table(budget, expected);
//   while (table.next_range()) {          // once, unless the budget is too small for all keys
//     for (uint64_t key : keys) {
//       const uint64_t hash = mix64(key);
//       if (table.covers(hash)) ++table.find_or_add(key, hash).count;
//     }
//     ... table.entries(): every key of the range, in order of first occurrence, with all its
//     counts
//   }
//
// The hash is a bijection, so the ranges of hashes that are walked one after the other share no key
// and together hold every one. A key that survives a halving has been there since its first
// occurrence, so nothing has to be counted again; what was given up belongs to a later range.
// Ranges, then, depend on the budget, the union of their entries does not.
//
// Bytes: sizeof(Entry) a key and 8 a slot, with 4/3 to 8/3 slots a key: 27 to 37 a key for a
// payload of 8 bytes, 35 to 45 for one of 16. Entries never move (their room is reserved, not
// touched), so that no growth needs a second copy. A lookup costs two cache misses in a large
// table; prefetch_* hides both. Source: own derivation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "data/mix64.h"

namespace hotrow {

template <class Payload>
class KeyTable {
 public:
  struct Entry {
    uint64_t key;
    Payload payload;
  };

  // budget_bytes: what it may take, at least kSmallestBytes. expected: no more keys than that.
  KeyTable(int64_t budget_bytes, int64_t expected) {
    const auto budget = static_cast<size_t>(std::max(budget_bytes, kSmallestBytes));
    max_slots_ = kFewestSlots;
    // Half the budget for slots at the most; the entries get what is left, or fill the slots.
    while (2 * max_slots_ * sizeof(uint64_t) <= budget / 2 && max_slots_ < kMostSlots) {
      max_slots_ *= 2;
    }
    const size_t entries = (budget - max_slots_ * sizeof(uint64_t)) / sizeof(Entry);
    limit_ = std::min(entries, filled(max_slots_));
    entries_.reserve(std::min(limit_, static_cast<size_t>(std::max<int64_t>(expected, 1))));
  }

  // Empties the table and goes on to the next range of hashes; false after the last.
  bool next_range() {
    if (started_ && last_ == kAll) return false;
    first_ = started_ ? last_ + 1 : 0;
    last_ = started_ && kAll - first_ > width_ ? first_ + width_ : kAll;
    width_ = last_ - first_;
    started_ = true;
    entries_.clear();
    set_slots(kFewestSlots);
    return true;
  }
  bool covers(uint64_t hash) const { return hash - first_ <= width_; }
  bool covers_all() const { return width_ == kAll; }
  // Whether this is the last range.
  bool last() const { return last_ == kAll; }
  // The share of all hashes that it covers.
  double share() const { return static_cast<double>(width_) / static_cast<double>(kAll); }

  // The payload of `key`, value-initialised if it is new; null if its hash was given up on the way.
  Payload* find_or_add(uint64_t key, uint64_t hash) {
    size_t at = find_slot(key, hash);
    if (slots_[at] != 0) return &entries_[index_of(slots_[at])].payload;
    if (entries_.size() == filled(slots_.size())) {
      if (entries_.size() < limit_) set_slots(2 * slots_.size());
      at = find_slot(key, hash);
    }
    while (entries_.size() == limit_) {
      halve();
      if (!covers(hash)) return nullptr;
      at = find_slot(key, hash);
    }
    slots_[at] = slot(hash, entries_.size());
    entries_.push_back({key, Payload{}});
    return &entries_.back().payload;
  }

  // Of a payload of find_or_add(), in entries().
  size_t place_of(const Payload* payload) const {
    const auto bytes = reinterpret_cast<const char*>(payload) -
                       reinterpret_cast<const char*>(&entries_.data()->payload);
    return static_cast<size_t>(bytes) / sizeof(Entry);
  }

  // Null if the key is not in the table.
  const Payload* find(uint64_t key, uint64_t hash) const {
    const uint64_t found = slots_[find_slot(key, hash)];
    return found == 0 ? nullptr : &entries_[index_of(found)].payload;
  }

  // hashes[i] = mix64(keys[i]), and asks memory for where they are: some dozens at once.
  void hash_and_prefetch(uint64_t* hashes, std::span<const uint64_t> keys) const {
    for (size_t i = 0; i < keys.size(); ++i) {
      hashes[i] = mix64(keys[i]);
      __builtin_prefetch(&slots_[hashes[i] & mask_]);
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      const uint64_t first = slots_[hashes[i] & mask_];
      if (first != 0) __builtin_prefetch(&entries_[index_of(first)]);
    }
  }

  // In order of first occurrence. What is done to them here holds until next_range().
  std::vector<Entry>& entries() { return entries_; }

  static constexpr int64_t kSmallestBytes = 4096;

 private:
  static constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  static constexpr size_t kFewestSlots = 64;
  static constexpr size_t kMostSlots = size_t{1} << 32;

  // A slot holds the upper half of the hash and, below it, 1 + the place of its entry; 0: free.
  static uint64_t slot(uint64_t hash, size_t index) {
    return (hash & 0xffffffff00000000) | (static_cast<uint64_t>(index) + 1);
  }
  static size_t index_of(uint64_t slot) { return static_cast<uint32_t>(slot) - 1; }
  static size_t filled(size_t slots) { return slots / 4 * 3; }

  // The slot that holds `key`, or the free one where it belongs.
  size_t find_slot(uint64_t key, uint64_t hash) const {
    size_t at = hash & mask_;
    while (slots_[at] != 0 &&
           ((slots_[at] ^ hash) >> 32 != 0 || entries_[index_of(slots_[at])].key != key)) {
      at = (at + 1) & mask_;
    }
    return at;
  }

  void set_slots(size_t count) {
    if (count > slots_.size()) slots_ = {};  // not both at once
    slots_.assign(count, 0);
    mask_ = count - 1;
    for (size_t i = 0; i < entries_.size(); ++i) {
      const uint64_t hash = mix64(entries_[i].key);
      size_t at = hash & mask_;
      while (slots_[at] != 0) at = (at + 1) & mask_;
      slots_[at] = slot(hash, i);
    }
  }

  void halve() {
    width_ /= 2;
    last_ = first_ + width_;
    std::erase_if(entries_, [this](const Entry& entry) { return !covers(mix64(entry.key)); });
    set_slots(slots_.size());
  }

  size_t limit_, max_slots_;
  bool started_ = false;
  uint64_t first_ = 0, last_ = kAll, width_ = kAll;  // hashes in [first_, first_ + width_]
  std::vector<Entry> entries_;
  std::vector<uint64_t> slots_;  // open addressing, a power of two, at most 3/4 of them taken
  uint64_t mask_ = 0;
};

}  // namespace hotrow
