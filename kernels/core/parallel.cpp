// A pool of our own, not OpenMP's: there a loop ends only when every thread has arrived, and those
// that wait spin, so that a neighbour's process on one core stalls every loop for a whole time
// slice. Here a loop ends when its tasks are done; a thread that the system has not run yet is not
// waited for.
#include "kernels/core/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/core/check.h"

namespace hotrow {
namespace {

thread_local int t_worker = 0;
thread_local bool t_inside = false;  // a body is running on this thread

// Says for its life that this thread runs a body.
class Inside {
 public:
  Inside() { t_inside = true; }
  ~Inside() { t_inside = false; }
};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// About 50 microseconds: longer than the gaps between the loops of a step.
constexpr int kSpins = 2000;

// Keeps threads on CPUs, and knows where they might run before.
class Affinity {
 public:
  // False: the system refuses it.
  bool pin(pthread_t thread, int cpu) {
    if (!known_) known_ = sched_getaffinity(0, sizeof before_, &before_) == 0;
    cpu_set_t one;
    CPU_ZERO(&one);
    if (!known_ || cpu < 0 || cpu >= CPU_SETSIZE) return false;
    CPU_SET(cpu, &one);
    return pthread_setaffinity_np(thread, sizeof one, &one) == 0;
  }
  // For the calling thread, pinned by itself or by its parent's mask.
  void unpin() const {
    if (known_) sched_setaffinity(0, sizeof before_, &before_);
  }

 private:
  cpu_set_t before_;
  bool known_ = false;  // something was pinned
};

class Pool {
 public:
  ~Pool() { stop(); }

  void resize(int threads, std::span<const int> cpus) {
    const std::lock_guard lock(mutex_);
    stop();
    affinity_.unpin();
    stopping_.store(false);
    // A worker waits for what comes after this loop, however late its thread starts.
    const uint32_t last = announced_.load();
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i, last] { work(i, last); });
    } catch (const std::system_error& e) {
      const size_t started = workers_.size() + 1;
      stop();
      throw DeviceError(
          fmt::format("[num-threads] the system starts no more threads: got {}, expected {} ({})",
                      started, threads, e.what()));
    }
    pin(cpus);
    size_.store(threads);
  }

  // For the calling thread.
  void unpin() const { affinity_.unpin(); }

  int size() const { return size_.load(std::memory_order_relaxed); }

  void run(int64_t tasks, void (*body)(void*, int64_t), void* context) {
    const std::lock_guard lock(mutex_);
    if (tasks == 1 || size() == 1) {
      const Inside inside;
      for (int64_t task = 0; task < tasks; ++task) body(context, task);
      return;
    }
    const uint32_t loop = publish(tasks, body, context);
    drain(loop);
    for (int spin = 0; done_.load(std::memory_order_acquire) != tasks;) {
      if (spin < kSpins) {
        ++spin;
        pause();
      } else {
        std::this_thread::yield();
      }
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  // A ticket is the number of the loop and of its next task. It is closed while the loop changes,
  // so that a thread which comes late can neither take a task of the new loop by an old ticket nor
  // read half a loop: what it read is used only if the ticket that it read first is still there.
  static constexpr uint32_t kClosed = 0xFFFFFFFFu;
  static uint64_t make_ticket(uint32_t loop, uint32_t task) { return uint64_t{loop} << 32 | task; }
  static uint32_t loop_of(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }
  static int64_t task_of(uint64_t ticket) { return static_cast<int64_t>(ticket & kClosed); }

  uint32_t publish(int64_t tasks, void (*body)(void*, int64_t), void* context) {
    const uint32_t loop = loop_of(ticket_.load(std::memory_order_relaxed)) + 1;
    ticket_.store(make_ticket(loop, kClosed), std::memory_order_release);
    body_.store(body, std::memory_order_release);
    context_.store(context, std::memory_order_release);
    tasks_.store(tasks, std::memory_order_release);
    done_.store(0, std::memory_order_relaxed);
    ticket_.store(make_ticket(loop, 0), std::memory_order_release);
    announced_.store(loop);
    if (sleepers_.load() > 0) announced_.notify_all();
    return loop;
  }

  void drain(uint32_t loop) {
    const Inside inside;
    for (;;) {
      uint64_t ticket = ticket_.load(std::memory_order_acquire);
      const int64_t task = task_of(ticket);
      if (loop_of(ticket) != loop || task >= tasks_.load(std::memory_order_acquire)) break;
      auto* body = body_.load(std::memory_order_acquire);
      void* context = context_.load(std::memory_order_acquire);
      if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
      run_task(body, context, task);
      done_.fetch_add(1, std::memory_order_release);
    }
  }

  void run_task(void (*body)(void*, int64_t), void* context, int64_t task) {
    try {
      body(context, task);
    } catch (...) {
      const std::lock_guard lock(failure_mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void work(int index, uint32_t last) {
    t_worker = index;
    while (!stopping_.load(std::memory_order_relaxed)) {
      for (int spin = 0; spin < kSpins && announced_.load(std::memory_order_acquire) == last;
           ++spin)
        pause();
      if (announced_.load(std::memory_order_acquire) == last) {
        sleepers_.fetch_add(1);
        announced_.wait(last);
        sleepers_.fetch_sub(1);
      }
      last = announced_.load(std::memory_order_acquire);
      drain(last);
    }
  }

  void pin(std::span<const int> cpus) {
    for (size_t i = 0; i < cpus.size(); ++i) {
      if (affinity_.pin(i == 0 ? pthread_self() : workers_[i - 1].native_handle(), cpus[i]))
        continue;
      stop();
      affinity_.unpin();
      throw DeviceError(fmt::format(
          "[pin-threads] the system keeps no thread on CPU {}: got a refusal, expected one of the "
          "CPUs that this process may use",
          cpus[i]));
    }
  }

  void stop() {
    stopping_.store(true);
    publish(0, nullptr, nullptr);
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    size_.store(1);
  }

  std::mutex mutex_;  // one loop at a time
  Affinity affinity_;
  std::vector<std::thread> workers_;
  std::atomic<int> size_{1};
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::atomic<uint32_t> announced_{0};
  alignas(64) std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> tasks_{0};
  std::atomic<void (*)(void*, int64_t)> body_{nullptr};
  std::atomic<void*> context_{nullptr};
  alignas(64) std::atomic<int64_t> done_{0};
  std::mutex failure_mutex_;
  std::exception_ptr failure_;  // the first that a body of this loop threw
};

Pool& pool() {
  static Pool pool;
  return pool;
}

}  // namespace

void set_num_threads(int n, std::span<const int> cpus) {
  require(n >= 1, "[num-threads] got {}, expected at least 1", n);
  require(cpus.empty() || std::ssize(cpus) == n,
          "[pin-threads] got {} CPUs for {} threads, expected one a thread", cpus.size(), n);
  pool().resize(n, cpus);
}

int num_threads() { return pool().size(); }

int worker_index() { return t_worker; }

void leave_cpu_of_parent() { pool().unpin(); }

void detail::parallel_run(int64_t tasks, void (*body)(void*, int64_t), void* context) {
  if (t_inside) {
    for (int64_t task = 0; task < tasks; ++task) body(context, task);
  } else if (tasks > 0) {
    pool().run(tasks, body, context);
  }
}

}  // namespace hotrow
