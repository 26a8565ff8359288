#include "data/excerpt.h"

#include <fmt/format.h>

namespace hotrow {

std::string quoted_excerpt(std::string_view bytes) {
  constexpr size_t kMaxExcerpt = 32;
  std::string text = "'";
  for (char c : bytes.substr(0, kMaxExcerpt)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  text += bytes.size() > kMaxExcerpt ? "'..." : "'";
  return text;
}

}  // namespace hotrow
