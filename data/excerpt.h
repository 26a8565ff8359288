// What was found in a file, for error texts.
#pragma once

#include <string>
#include <string_view>

namespace hotrow {

// Raw bytes in quotes: at most 32 of them, unprintable ones as \xNN.
std::string quoted_excerpt(std::string_view bytes);

}  // namespace hotrow
