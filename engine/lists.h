// Lists of descriptors that kernels take: tables, features, parts.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/arena.h"

namespace hotrow {

// What descriptors say never changes once a step has its memory, so they are made once and lie on
// the device for good. First all are added, then place() is called, then they are read.
class Lists {
 public:
  template <class T>
  void add(const std::vector<T>& list) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    places_.push_back({align_up(bytes_.size()), list.size()});
    bytes_.resize(places_.back().offset + list.size() * sizeof(T));
    if (!list.empty())
      std::memcpy(bytes_.data() + places_.back().offset, list.data(), list.size() * sizeof(T));
  }
  size_t count() const { return places_.size(); }

  void place(Device device);

  // List i in the order of add(), of the type that was added. The elements are the device's.
  template <class T>
  std::span<const T> get(size_t i) const {
    return {arena_.as<const T>(places_[i].offset), places_[i].count};
  }

 private:
  struct Place {
    size_t offset, count;
  };

  std::vector<std::byte> bytes_;
  std::vector<Place> places_;
  Arena arena_;
};

}  // namespace hotrow
