#include "tests/support/cuda_on_host/block.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <string_view>

#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/cuda_on_host/device_functions.h"
#include "tests/support/cuda_on_host/fiber.h"
#include "tests/support/cuda_on_host/grid.h"
#include "tests/support/cuda_on_host/guarded_memory.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace hotrow::cuda_on_host {
namespace {

struct Cancelled {};  // unwinds a thread that waits in a block that has failed

struct Thread {
  explicit Thread(unsigned i);

  unsigned index;
  bool ended = false;
  const char* waits_in = nullptr;
  Where where{};
  unsigned mask = 0;  // of a meeting of a warp
  PendingCopies copies;
  Fiber fiber;
};

struct Meeting {
  unsigned mask, arrived;
  const Collective* what;
};
struct Warp {
  std::vector<Meeting> meetings;  // of different masks
  void* operands[kLanes];
};

std::string_view file_name(const char* path) {
  const std::string_view text = path;
  return text.substr(text.rfind('/') + 1);
}
bool same_place(Where a, Where b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

// One block after the other, on the stacks of up to 1024 fibers that are kept for the next one.
class Machine {
 public:
  void seed(uint64_t value) { random_ = (value + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1; }
  std::string run(unsigned blocks, unsigned threads, size_t shared_bytes,
                  const std::function<void()>& kernel);

  Thread& current() { return *current_; }
  const GuardedMemory& shared() const { return *shared_; }
  uint64_t random();
  void meet_warp(const Collective& what, unsigned mask, void* operand, Where where);
  int meet_block(const char* name, bool flag, Where where);
  void run_thread(Thread& self);

 private:
  void run_block(unsigned block, size_t shared_bytes);
  void begin_block();
  void cancel_threads();
  std::string describe_hang() const;
  Thread* pick();
  void switch_away(Fiber& from);
  void wait(const char* name, Where where);
  [[noreturn]] void fail_barrier(const char* name, Where where) const;
  void fail(std::string text);

  uint64_t random_ = 3;
  std::vector<std::unique_ptr<Thread>> threads_;
  Fiber main_;

  const std::function<void()>* kernel_ = nullptr;
  unsigned count_ = 0, ended_ = 0;  // threads of the block
  Thread* current_ = nullptr;
  std::vector<Thread*> ready_;
  std::vector<Warp> warps_;
  struct {
    const char* name;
    Where where;
    unsigned arrived = 0, flags = 0, result = 0;
  } barrier_{};
  const GuardedMemory* shared_ = nullptr;
  std::string failure_;
  bool cancelling_ = false;
};

Machine& machine() {
  static Machine one;
  return one;
}

Thread::Thread(unsigned i)
    : index(i),
      fiber([](void* self) { machine().run_thread(*static_cast<Thread*>(self)); }, this) {}

// xorshift64*, by S. Vigna.
uint64_t Machine::random() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

std::string Machine::run(unsigned blocks, unsigned threads, size_t shared_bytes,
                         const std::function<void()>& kernel) {
  while (threads_.size() < threads) {
    threads_.push_back(std::make_unique<Thread>(static_cast<unsigned>(threads_.size())));
  }
  kernel_ = &kernel;
  count_ = threads;
  warps_.resize((threads + kLanes - 1) / kLanes);
  gridDim = dim3(blocks);
  blockDim = dim3(threads);
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  for (unsigned i = blocks; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  failure_.clear();
  for (unsigned block : order) {
    run_block(block, shared_bytes);
    if (!failure_.empty()) break;
  }
  return failure_;
}

void Machine::begin_block() {
  ended_ = 0;
  barrier_ = {};
  cancelling_ = false;
  for (Warp& warp : warps_) warp.meetings.clear();
  ready_.clear();
  for (unsigned i = 0; i < count_; ++i) {
    Thread& thread = *threads_[i];
    thread.ended = false;
    thread.mask = 0;
    thread.copies.copies.clear();
    thread.copies.group_ends.clear();
    ready_.push_back(&thread);
  }
}

void Machine::run_block(unsigned block, size_t shared_bytes) {
  const GuardedMemory shared(shared_bytes);
  shared_ = &shared;
  blockIdx = {block, 0, 0};
  begin_block();
  switch_away(main_);
  if (failure_.empty() && ended_ < count_) failure_ = describe_hang();
  if (failure_.empty() && !shared.intact()) {
    failure_ =
        fmt::format("block {} wrote outside of its {} bytes of shared memory", block, shared_bytes);
  }
  if (ended_ < count_) cancel_threads();
}

void Machine::cancel_threads() {
  cancelling_ = true;
  ready_.clear();
  for (unsigned i = 0; i < count_; ++i) {
    if (!threads_[i]->ended) ready_.push_back(threads_[i].get());
  }
  switch_away(main_);
}

// Which lanes wait where, neighbours together.
std::string Machine::describe_hang() const {
  const auto state = [](const Thread& t) {
    if (t.ended) return std::string("have ended");
    const auto place = fmt::format("{}:{}", file_name(t.where.file), t.where.line);
    if (t.mask == 0) return fmt::format("wait in {} ({})", t.waits_in, place);
    return fmt::format("wait in {} with mask 0x{:08X} ({})", t.waits_in, t.mask, place);
  };
  std::string text = fmt::format("block {} hangs", blockIdx.x);
  int groups = 0;
  for (unsigned first = 0, last; first < count_; first = last) {
    const std::string what = state(*threads_[first]);
    last = first + 1;
    while (last < count_ && last % kLanes != 0 && state(*threads_[last]) == what) ++last;
    if (++groups > 6) return text + ", and so on";
    text += fmt::format("{} lanes {}-{} of warp {} {}", groups == 1 ? ":" : ",", first % kLanes,
                        (last - 1) % kLanes, first / kLanes, what);
  }
  return text;
}

// The thread that goes on, or null where none can.
Thread* Machine::pick() {
  if ((!failure_.empty() && !cancelling_) || ended_ == count_) return nullptr;
  if (ready_.empty()) return nullptr;
  std::swap(ready_[random() % ready_.size()], ready_.back());
  Thread* next = ready_.back();
  ready_.pop_back();
  return next;
}

void Machine::switch_away(Fiber& from) {
  Thread* next = pick();
  if (next == nullptr) {
    from.switch_to(main_);
    return;
  }
  current_ = next;
  threadIdx = {next->index, 0, 0};
  if (&next->fiber != &from) from.switch_to(next->fiber);
}

void Machine::run_thread(Thread& self) {
  for (;;) {
    try {
      if (!cancelling_) {
        (*kernel_)();
        check(self.copies.copies.empty(), "ended with {} asynchronous copies under way",
              self.copies.copies.size());
      }
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      fail(error.what());
    }
    self.ended = true;
    ++ended_;
    switch_away(self.fiber);
  }
}

void Machine::fail(std::string text) {
  if (failure_.empty()) failure_ = std::move(text);
}

void Machine::wait(const char* name, Where where) {
  Thread& self = *current_;
  self.waits_in = name;
  self.where = where;
  switch_away(self.fiber);
  if (cancelling_) throw Cancelled();
  self.mask = 0;
}

// `other`: what lanes of the mask wait in, or null where the lane itself is not in the mask.
[[noreturn]] void fail_meeting(const Collective& what, unsigned mask, Where where,
                               const Collective* other) {
  throw_fault(fmt::format("{} ({}:{}) with the mask 0x{:08X}, {} {}", what.name,
                          file_name(where.file), where.line, mask,
                          other == nullptr ? "which lacks" : "of which other lanes wait in",
                          other == nullptr ? "the lane itself" : other->name));
}

void Machine::meet_warp(const Collective& what, unsigned mask, void* operand, Where where) {
  Thread& self = *current_;
  const unsigned lane = self.index % kLanes, bit = 1u << lane;
  if ((mask & bit) == 0) fail_meeting(what, mask, where, nullptr);
  Warp& warp = warps_[self.index / kLanes];
  auto meeting = std::find_if(warp.meetings.begin(), warp.meetings.end(),
                              [mask](const Meeting& m) { return m.mask == mask; });
  if (meeting == warp.meetings.end()) {
    meeting = warp.meetings.insert(meeting, {mask, 0, &what});
  }
  if (meeting->what != &what) fail_meeting(what, mask, where, meeting->what);
  warp.operands[lane] = operand;
  self.mask = mask;
  meeting->arrived |= bit;
  if (meeting->arrived == mask) {
    warp.meetings.erase(meeting);
    what.complete(mask, warp.operands);
    const unsigned first = self.index - lane;
    for_lanes(mask, [&](int l) { ready_.push_back(threads_[first + unsigned(l)].get()); });
  }
  wait(what.name, where);
}

void Machine::fail_barrier(const char* name, Where where) const {
  throw_fault(fmt::format("{} ({}:{}) where other threads of the block wait in {} ({}:{})", name,
                          file_name(where.file), where.line, barrier_.name,
                          file_name(barrier_.where.file), barrier_.where.line));
}

int Machine::meet_block(const char* name, bool flag, Where where) {
  if (barrier_.arrived == 0) {
    barrier_.name = name;
    barrier_.where = where;
  }
  if (!same_place(barrier_.where, where)) fail_barrier(name, where);
  barrier_.flags += flag;
  if (++barrier_.arrived == count_) {
    barrier_.result = barrier_.flags;
    barrier_.arrived = barrier_.flags = 0;
    for (unsigned i = 0; i < count_; ++i) ready_.push_back(threads_[i].get());
  }
  wait(name, where);
  return static_cast<int>(barrier_.result);
}

}  // namespace

void set_schedule_seed(uint64_t seed) { machine().seed(seed); }

std::string run_grid(unsigned blocks, unsigned threads, size_t shared_bytes,
                     const std::function<void()>& thread) {
  return machine().run(blocks, threads, shared_bytes, thread);
}

void throw_fault(const std::string& text) {
  throw Fault(fmt::format("block {}, thread {}: {}", blockIdx.x, threadIdx.x, text));
}

void throw_unaligned(size_t bytes) {
  throw_fault(
      fmt::format("an access of {} bytes at an address that is not aligned to them", bytes));
}

int current_lane() { return static_cast<int>(machine().current().index % kLanes); }
void meet_warp(const Collective& what, unsigned mask, void* operand, Where where) {
  machine().meet_warp(what, mask, operand, where);
}
int meet_block(const char* name, bool flag, Where where) {
  return machine().meet_block(name, flag, where);
}
PendingCopies& pending_copies() { return machine().current().copies; }
char* shared_memory() { return machine().shared().data(); }
uint64_t random_bits() { return machine().random(); }

void check_shared(const char* what, const void* p, size_t bytes, size_t alignment) {
  const GuardedMemory& shared = machine().shared();
  const size_t size = shared.size();
  const auto offset = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(shared.data());
  check(offset <= size && bytes <= size - offset,
        "{} of {} bytes that is not within the {} bytes of shared memory", what, bytes, size);
  check(offset % alignment == 0, "{} at byte {} of shared memory, which is not aligned to {}", what,
        offset, alignment);
}

}  // namespace hotrow::cuda_on_host
