// All of a text as a number.
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace hotrow {

// False if it is none, or too large; then `value` says nothing. `base`: of an integer, 10 without.
template <class Number, class... Base>
bool parse_number(std::string_view text, Number& value, Base... base) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base...);
  return error == std::errc() && stop == end;
}

}  // namespace hotrow
