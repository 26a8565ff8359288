#include "tests/support/cuda_on_host/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include "tests/support/asan.h"

#if defined(HOTROW_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace hotrow::cuda_on_host {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;  // touched as far as it is used

// An unmapped page below turns an overflow into a fault.
class Stack {
 public:
  Stack() : guard_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    memory_ = mmap(nullptr, guard_ + kStackBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED || mprotect(memory_, guard_, PROT_NONE) != 0) throw std::bad_alloc();
  }
  ~Stack() { munmap(memory_, guard_ + kStackBytes); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  char* bottom() const { return static_cast<char*>(memory_) + guard_; }

 private:
  size_t guard_;
  void* memory_;
};

}  // namespace

struct Fiber::State {
  std::unique_ptr<Stack> stack;  // null: the one that the system gave
  void (*entry)(void*) = nullptr;
  void* argument = nullptr;
#if defined(__x86_64__)
  void* top = nullptr;  // of the stack while the fiber waits: its registers lie there
#else
  ucontext_t context;
#endif
  const void* bottom = nullptr;  // what the address sanitizer is told
  size_t bytes = 0;
};

namespace {

// The two sides of the switch under way. One runs at a time, as grids do.
void *switched_from, *switched_to;

#if defined(__x86_64__)
// Pushes the registers that a call keeps, leaves the stack's top in *from, and does the reverse on
// the other stack.
extern "C" void hotrow_switch_stacks(void** from, void* to);
asm(R"(
.text
.p2align 4
.type hotrow_switch_stacks, @function
hotrow_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size hotrow_switch_stacks, . - hotrow_switch_stacks
)");
#endif

// Tells the address sanitizer which stack comes next, and which one has come.
void announce([[maybe_unused]] void** frames, [[maybe_unused]] const void* bottom,
              [[maybe_unused]] size_t bytes) {
#if defined(HOTROW_ASAN)
  __sanitizer_start_switch_fiber(frames, bottom, bytes);
#endif
}
void arrive([[maybe_unused]] void* frames, [[maybe_unused]] const void** left,
            [[maybe_unused]] size_t* left_bytes) {
#if defined(HOTROW_ASAN)
  __sanitizer_finish_switch_fiber(frames, left, left_bytes);
#endif
}

}  // namespace

Fiber::Fiber() : state_(std::make_unique<State>()) {}
Fiber::~Fiber() = default;
Fiber::Fiber(Fiber&&) noexcept = default;
Fiber& Fiber::operator=(Fiber&&) noexcept = default;

Fiber::Fiber(void (*entry)(void*), void* argument) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.stack = std::make_unique<Stack>();
  s.entry = entry;
  s.argument = argument;
  s.bottom = s.stack->bottom();
  s.bytes = kStackBytes;
  void (*begin)() = [] {
    auto& left = *static_cast<State*>(switched_from);
    arrive(nullptr, &left.bottom, &left.bytes);
    auto& self = *static_cast<State*>(switched_to);
    self.entry(self.argument);
    std::abort();
  };
#if defined(__x86_64__)
  // As if `begin` had been called and its caller had six registers pushed; the last word ends a
  // backtrace and puts the stack where a call would.
  auto* top = reinterpret_cast<void**>(s.stack->bottom() + kStackBytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(begin);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  s.top = top;
#else
  getcontext(&s.context);
  s.context.uc_stack.ss_sp = s.stack->bottom();
  s.context.uc_stack.ss_size = kStackBytes;
  s.context.uc_link = nullptr;
  makecontext(&s.context, begin, 0);
#endif
}

// The sanitizer's frames, which it would put on a heap of each fiber, cost more than the switch.
[[gnu::no_sanitize_address]] void Fiber::switch_to(Fiber& next) {
  State &from = *state_, &to = *next.state_;
  switched_from = &from;
  switched_to = &to;
  void* frames = nullptr;
  announce(&frames, to.bottom, to.bytes);
#if defined(__x86_64__)
  hotrow_switch_stacks(&from.top, to.top);
#else
  swapcontext(&from.context, &to.context);
#endif
  auto& left = *static_cast<State*>(switched_from);
  arrive(frames, &left.bottom, &left.bytes);
}

}  // namespace hotrow::cuda_on_host
