#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "engine/device.h"
#include "kernels/core/check.h"

namespace hotrow {
namespace {

class CpuDriver final : public DeviceDriver {
 public:
  std::string name() const override { return "cpu"; }

  DeviceMemory memory() const override {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return {static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) * page,
            static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * page};
  }

  // Pages straight from the system, on huge pages where it grants them (random rows of large tables
  // are bound by address translation otherwise).
  std::byte* allocate(size_t bytes, std::string_view purpose) const override {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require<DeviceError>(memory != MAP_FAILED,
                         "[device] out of memory on the CPU: got no room for {} bytes ({:.1f} GiB) "
                         "for {}, expected that the system has it",
                         bytes, static_cast<double>(bytes) / (1 << 30), purpose);
    constexpr size_t kHugePage = size_t{2} << 20;
    if (bytes >= kHugePage)
      madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: refusal costs only speed
    return static_cast<std::byte*>(memory);
  }

  void release(std::byte* memory, size_t bytes) const noexcept override { munmap(memory, bytes); }

  std::byte* allocate_host(size_t bytes, std::string_view purpose) const override {
    return allocate(bytes, purpose);
  }
  void release_host(std::byte* memory, size_t bytes) const noexcept override {
    release(memory, bytes);
  }

  void* make_stream() const override { return nullptr; }
  void destroy_stream(void*) const noexcept override {}
  void wait(void*) const override {}

  void* make_event() const override { return nullptr; }
  void destroy_event(void*) const noexcept override {}
  void record_event(void*, void*) const override {}
  void wait_for_event(void*) const override {}
  void hold_for_event(void*, void*) const override {}

  void copy(void* to, const void* from, size_t bytes, void*) const override {
    std::memcpy(to, from, bytes);
  }
  void fill(void* memory, unsigned char byte, size_t bytes, void*) const override {
    std::memset(memory, byte, bytes);
  }

  void begin_graph(void*) const override { refuse_graph(); }
  void* end_graph(void*) const override { refuse_graph(); }
  void replay(void*, void*) const override { refuse_graph(); }
  void destroy_graph(void*) const noexcept override {}

 private:
  [[noreturn]] static void refuse_graph() {
    throw DeviceError("[device] no graphs: got the CPU, expected a GPU");
  }
};

}  // namespace

const DeviceDriver& cpu_driver() {
  static const CpuDriver driver;
  return driver;
}

}  // namespace hotrow
