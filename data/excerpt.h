// What was found in a file, for error texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hotrow {

// Raw bytes in quotes, on one line: at most `most` of them, unprintable ones as \xNN.
std::string quoted_excerpt(std::string_view bytes, size_t most = 32);

}  // namespace hotrow
