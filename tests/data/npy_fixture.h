// What the tests of .npy and .npz files share: values and file images.
#pragma once

#include <string>
#include <vector>

#include "data/npy.h"

namespace hotrow::test {

template <class T>
std::vector<T> values_of(const NpyArray& array) {
  return {array.as<T>().begin(), array.as<T>().end()};
}

// A .npy image: magic, version 1.0, a dictionary padded as NumPy pads it, values.
inline std::string npy_image(const std::string& dictionary, const std::string& values) {
  std::string text = dictionary;
  text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 11, ' ');
  text += '\n';
  std::string out = "\x93NUMPY";
  out += {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return out + text + values;
}
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace hotrow::test
