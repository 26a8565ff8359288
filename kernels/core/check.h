// Errors that every layer throws, and the check that throws them.
//
// Text: `[op or file:line:column] what is wrong: got A, expected B (hint)`, one sentence.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace hotrow {

// The caller's fault: a shape, a flag, an attribute.
struct InvalidArgument : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// The world's fault: a file, a record, an id in the data.
struct DataError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A device or a library that drives one failed, or this build lacks it.
struct DeviceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A transport between ranks failed, or this build lacks it.
struct CommError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws Error with the formatted text unless `ok`. The text is built only on failure.
template <class Error = InvalidArgument, class... Args>
void require(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) [[unlikely]] {
    throw Error(fmt::format(text, std::forward<Args>(args)...));
  }
}

}  // namespace hotrow
