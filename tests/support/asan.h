// Whether the address sanitizer watches: HOTROW_ASAN for the preprocessor, kAsan for the rest.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define HOTROW_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOTROW_ASAN 1
#endif
#endif

namespace hotrow::test {

#if defined(HOTROW_ASAN)
constexpr bool kAsan = true;
#else
constexpr bool kAsan = false;
#endif

}  // namespace hotrow::test
