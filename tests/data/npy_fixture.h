// What the tests of .npy and .npz files share: values and file images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/binary_file.h"
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
// A file of one array, by the parts that .npz members are read with.
inline NpyArray read_npy(const std::string& path) {
  const BinaryInput file(path);
  int64_t at = 0;
  const ByteReader read = [&](std::span<std::byte> out) {
    file.read(at, out);
    at += std::ssize(out);
  };
  NpyHeader header = decode_npy_header(read, path);
  return read_npy_values(std::move(header), read, path);
}
template <class T>
void write_npy(const std::string& path, const std::vector<T>& values, std::vector<int64_t> shape) {
  BinaryOutput file(path);
  file.write(encode_npy_header(npy_header<T>(std::move(shape))));
  file.write(std::as_bytes(std::span(values)));
  file.close();
  file.publish();
}
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace hotrow::test
