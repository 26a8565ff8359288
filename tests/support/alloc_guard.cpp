#include "tests/support/alloc_guard.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOTROW_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOTROW_SANITIZED 1
#endif
#endif

namespace {

constexpr int kFrames = 24;

struct Stack {
  std::array<void*, kFrames> frames{};
  int size = 0;
};

std::atomic<bool> g_counting{false};
std::atomic<int64_t> g_ours{0}, g_foreign{0}, g_maps{0};
Stack g_first;  // written by the allocation that raised g_ours from 0

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) {
  Stack& stack = *static_cast<Stack*>(argument);
  if (stack.size == kFrames) return _URC_END_OF_STACK;
  stack.frames[static_cast<size_t>(stack.size++)] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}

bool in_onednn(const Stack& stack) {
  for (int i = 0; i < stack.size; ++i) {
    Dl_info info;
    if (dladdr(stack.frames[static_cast<size_t>(i)], &info) != 0 && info.dli_fname != nullptr &&
        std::strstr(info.dli_fname, "libdnnl") != nullptr) {
      return true;
    }
  }
  return false;
}

void count_new() {
  thread_local bool inside = false;  // should walking the stack allocate
  if (!g_counting.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  Stack stack;
  _Unwind_Backtrace(take_frame, &stack);
  if (in_onednn(stack)) {
    ++g_foreign;
  } else if (g_ours++ == 0) {
    g_first = stack;
  }
  inside = false;
}

void* allocate_or_null(size_t bytes, std::align_val_t align) {
  const size_t alignment = static_cast<size_t>(align);
  count_new();
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(bytes == 0 ? 1 : bytes);
  void* memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

void* allocate(size_t bytes, std::align_val_t align) {
  void* memory = allocate_or_null(bytes, align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr std::align_val_t kPlain{1};

}  // namespace

// Every form: the standard library's own would call these, but those of a sanitizer would not.
using Quiet = const std::nothrow_t&;
using Align = std::align_val_t;
void* operator new(size_t bytes) { return allocate(bytes, kPlain); }
void* operator new[](size_t bytes) { return allocate(bytes, kPlain); }
void* operator new(size_t bytes, Align align) { return allocate(bytes, align); }
void* operator new[](size_t bytes, Align align) { return allocate(bytes, align); }
void* operator new(size_t bytes, Quiet) noexcept { return allocate_or_null(bytes, kPlain); }
void* operator new[](size_t bytes, Quiet) noexcept { return allocate_or_null(bytes, kPlain); }
void* operator new(size_t bytes, Align align, Quiet) noexcept {
  return allocate_or_null(bytes, align);
}
void* operator new[](size_t bytes, Align align, Quiet) noexcept {
  return allocate_or_null(bytes, align);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, Align) noexcept { std::free(memory); }
void operator delete[](void* memory, Align) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, Align) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, Align) noexcept { std::free(memory); }
void operator delete(void* memory, Quiet) noexcept { std::free(memory); }
void operator delete[](void* memory, Quiet) noexcept { std::free(memory); }
void operator delete(void* memory, Align, Quiet) noexcept { std::free(memory); }
void operator delete[](void* memory, Align, Quiet) noexcept { std::free(memory); }

#ifndef HOTROW_SANITIZED
extern "C" void* mmap(void* hint, size_t bytes, int protection, int flags, int file,
                      off_t offset) noexcept {
  if (g_counting.load(std::memory_order_relaxed)) ++g_maps;
  return reinterpret_cast<void*>(syscall(SYS_mmap, hint, bytes, protection, flags, file, offset));
}
#endif

namespace hotrow::test {

AllocGuard::AllocGuard() {
  Stack warm_up;  // the unwinder reads its tables at the first call
  _Unwind_Backtrace(take_frame, &warm_up);
  in_onednn(warm_up);
  g_ours = g_foreign = g_maps = 0;
  g_first.size = 0;
  g_counting = true;
}

AllocCounts AllocGuard::stop() {
  g_counting = false;
  return {g_ours, g_foreign, g_maps};
}

std::string AllocGuard::first_of_ours() const {
  std::string text;
  for (int i = 0; i < g_first.size; ++i) {
    Dl_info info;
    void* frame = g_first.frames[static_cast<size_t>(i)];
    if (dladdr(frame, &info) == 0) continue;
    text += fmt::format("{}+{:#x}\n", info.dli_fname,
                        static_cast<const char*>(frame) - static_cast<const char*>(info.dli_fbase));
  }
  return text;
}

bool AllocGuard::counts_maps() {
#ifdef HOTROW_SANITIZED
  return false;
#else
  return true;
#endif
}

}  // namespace hotrow::test
