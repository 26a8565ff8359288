#include "tests/support/cuda_on_host/device_range.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <string_view>

namespace hotrow::cuda_on_host {
namespace {

// Addresses cost nothing: several times the device's memory, so that gaps never matter.
constexpr size_t kRangeBytes = size_t{64} << 30;
constexpr size_t kPage = 4096, kHugePage = size_t{2} << 20;

size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

class DeviceRange {
 public:
  DeviceRange() {
    void* range = mmap(nullptr, kRangeBytes + kHugePage, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) throw std::bad_alloc();
    begin_ = reinterpret_cast<char*>(round_up(reinterpret_cast<uintptr_t>(range), kHugePage));
    // Fewer pages to protect. A system without huge ones does it in several times the time.
    madvise(begin_, kRangeBytes, MADV_HUGEPAGE);
  }

  // At the first gap that is large enough.
  void* allocate(size_t bytes) {
    const std::scoped_lock lock(mutex_);
    bytes = round_up(bytes, kPage);
    size_t at = 0;
    for (const auto& [begin, size] : blocks_) {
      if (begin - at >= bytes) break;
      at = begin + size;
    }
    if (bytes > kRangeBytes - at) throw std::bad_alloc();
    blocks_[at] = bytes;
    end_ = std::max(end_, round_up(at + bytes, kHugePage));
    if (users_ > 0) protect(PROT_READ | PROT_WRITE);
    return begin_ + at;
  }

  // The pages stay with the process, for what comes next.
  void release(void* pages) {
    const std::scoped_lock lock(mutex_);
    blocks_.erase(static_cast<size_t>(static_cast<char*>(pages) - begin_));
  }

  void open() {
    const std::scoped_lock lock(mutex_);
    if (++users_ == 1) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::scoped_lock lock(mutex_);
    if (--users_ == 0) protect(PROT_NONE);
  }

  bool holds(const void* address) const {
    const auto offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(begin_);
    return offset < kRangeBytes;
  }

 private:
  void protect(int how) const {
    if (end_ > 0 && mprotect(begin_, end_, how) != 0) std::abort();
  }

  std::mutex mutex_;
  char* begin_;
  size_t end_ = 0;                   // of all pages that were ever taken
  std::map<size_t, size_t> blocks_;  // bytes by offset
  int users_ = 0;
};

DeviceRange& range() {
  static DeviceRange& one = *new DeviceRange;  // outlives whoever frees at the end
  return one;
}

struct sigaction earlier_handler;

// Says what is wrong and lets whoever handled faults before see the next one, which comes at once.
void explain_fault(int, siginfo_t* info, void*) {
  if (range().holds(info->si_addr)) {
    constexpr std::string_view kText =
        "cuda_on_host: the host reads or writes device memory, outside of kernels and copies\n";
    static_cast<void>(!write(STDERR_FILENO, kText.data(), kText.size()));
  }
  sigaction(SIGSEGV, &earlier_handler, nullptr);
}

void install_handler() {
  static const bool installed = [] {
    struct sigaction handler {};
    handler.sa_sigaction = explain_fault;
    handler.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return sigaction(SIGSEGV, &handler, &earlier_handler) == 0;
  }();
  static_cast<void>(installed);
}

}  // namespace

void* allocate_pages(size_t bytes) {
  install_handler();
  return range().allocate(bytes);
}
void release_pages(void* pages, size_t) { range().release(pages); }

DeviceAccess::DeviceAccess() { range().open(); }
DeviceAccess::~DeviceAccess() { range().close(); }

}  // namespace hotrow::cuda_on_host
