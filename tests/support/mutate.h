// Damage to good bytes, for parsers of files: bits flipped, parts cut out, moved, repeated, numbers
// put over others. The same seed, the same damage.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace hotrow::test {

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  // `good` with one to four changes.
  std::string operator()(std::string good) {
    for (int64_t changes = draw(1, 4); changes > 0; --changes) change(good);
    return good;
  }

  // Uniform in [low, high].
  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

 private:
  size_t place(const std::string& text) {
    return static_cast<size_t>(draw(0, std::ssize(text) - 1));
  }

  void change(std::string& text) {
    if (text.empty()) {
      text.push_back(static_cast<char>(draw(0, 255)));
      return;
    }
    const size_t at = place(text), other = place(text);
    const size_t most = std::min(text.size() - std::max(at, other), size_t{64});
    const auto length = static_cast<size_t>(draw(1, static_cast<int64_t>(most)));
    switch (draw(0, 7)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ 1 << draw(0, 7));
        break;
      case 1:
        text[at] = static_cast<char>(draw(0, 255));
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        text.erase(at, length);
        break;
      case 4:
        text.insert(at, text.substr(other, length));
        break;
      case 5:
        std::memmove(text.data() + at, text.data() + other, length);
        break;
      case 6:
        put_number(text, at);
        break;
      default:
        text.insert(at, decimal());
    }
  }

  // Little-endian, of 1, 2, 4 or 8 bytes.
  void put_number(std::string& text, size_t at) {
    const int64_t number = edge();
    const size_t size = std::min(size_t{1} << draw(0, 3), text.size() - at);
    std::memcpy(text.data() + at, &number, size);
  }
  std::string decimal() { return std::to_string(edge()); }

  // A number that breaks careless arithmetic.
  int64_t edge() {
    constexpr std::array<int64_t, 12> kEdges = {0,
                                                1,
                                                -1,
                                                127,
                                                255,
                                                65536,
                                                std::numeric_limits<int32_t>::max(),
                                                std::numeric_limits<int32_t>::min(),
                                                int64_t{1} << 32,
                                                int64_t{1} << 61,
                                                std::numeric_limits<int64_t>::max(),
                                                std::numeric_limits<int64_t>::min()};
    return kEdges[static_cast<size_t>(draw(0, std::ssize(kEdges) - 1))];
  }

  std::mt19937 random_;
};

}  // namespace hotrow::test
