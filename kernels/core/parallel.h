// The only place where the CPU kernels meet threads.
//
// Determinism: a kernel cuts its work into tasks by shape, and no two tasks write the same element.
// Which thread runs a task, and when, then cannot change a bit. Where it cuts by the number of
// threads too, no bit may depend on where a task ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace hotrow {

// Threads that parallel_for uses, the caller among them; 1 after start-up. n must be >= 1. Not
// inside a body, nor while another thread runs a kernel. Throws DeviceError, and leaves one thread,
// where the system starts no more.
// cpus: empty, or the CPUs that the threads stay on, thread i on cpus[i], the caller's first.
// Throws InvalidArgument unless there are n, DeviceError where the system refuses one. Without
// `cpus` the caller may run again where it could before.
void set_num_threads(int n, std::span<const int> cpus = {});
int num_threads();

// Inside a body: which of the num_threads() threads runs it, so that each can have scratch of its
// own.
int worker_index();

// For a thread that computes nothing and was started by one that does: it may run where the process
// could before set_num_threads pinned its threads.
void leave_cpu_of_parent();

namespace detail {
void parallel_run(int64_t tasks, void (*body)(void*, int64_t), void* context);
}  // namespace detail

// Calls body(task) once for every task in [0, tasks), on any thread and in any order, and returns
// when all are done. Allocates nothing. Calls from inside a body run on the calling thread; loops
// of two callers run one after the other, those of a single task too. tasks < 2^24. What a body
// throws comes out of the call, once no task runs any more; some tasks may not have run then.
template <class Body>
void parallel_for(int64_t tasks, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  detail::parallel_run(
      tasks, [](void* context, int64_t task) { (*static_cast<Plain*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// Half-open range of items that belongs to one of `tasks` nearly equal parts of [0, items).
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
inline Range part(int64_t items, int64_t tasks, int64_t task) {
  return {items * task / tasks, items * (task + 1) / tasks};
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace hotrow
