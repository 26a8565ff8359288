#include "data/excerpt.h"

#include <fmt/format.h>

namespace hotrow {

std::string quoted_excerpt(std::string_view bytes, size_t most) {
  std::string text = "'";
  for (char c : bytes.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  text += bytes.size() > most ? "'..." : "'";
  return text;
}

}  // namespace hotrow
