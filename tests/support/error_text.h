// error_text<DataError>([&] { call(); }): the text of the error of that kind that the call throws.
#pragma once

#include <string>

#include "kernels/core/check.h"

namespace hotrow::test {

template <class Expected = InvalidArgument, class Call>
std::string error_text(Call&& call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace hotrow::test
