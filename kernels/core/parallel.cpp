// A pool of our own, not OpenMP's: there a loop ends only when every thread has arrived, and those
// that wait spin, so that a neighbour's process on one core stalls every loop for a whole time
// slice. Here a loop ends when its tasks are done; a thread that the system has not run yet is not
// waited for.
#include "kernels/core/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
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
    publish({tasks, body, context});
    drain(0);
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
  struct Loop {
    int64_t tasks;
    void (*body)(void*, int64_t);
    void* context;
  };

  // Tasks s, s + S, s + 2 S, ... of each loop are share s of S. Its thread takes them first, the
  // same ones in every step: what it wrote before lies in its own caches, and between two cores
  // that share none a line takes as long as memory. A thread that has none left helps the others.
  //
  // A ticket is the number of a loop and how many tasks of its share are taken; that of an earlier
  // loop means none. So nobody need touch the shares when a loop begins, and a thread that comes
  // late with an earlier loop takes nothing: all tasks of that loop are taken, and the number of a
  // later one is not its own.
  struct alignas(64) Share {
    std::atomic<uint64_t> ticket{0};
  };
  static constexpr int kMaxShares = 8;
  static constexpr int kTaskBits = 24;
  static constexpr int64_t kTaskMask = (int64_t{1} << kTaskBits) - 1;

  // How many tasks of the share were taken before the one that the caller now has, or -1.
  static int64_t take(Share& share, uint64_t loop, int64_t tasks) {
    uint64_t ticket = share.ticket.load(std::memory_order_acquire);
    const uint64_t none = loop << kTaskBits;
    for (;;) {
      const int64_t ahead = static_cast<int64_t>((ticket & ~uint64_t{kTaskMask}) - none);
      const int64_t taken = ahead == 0 ? static_cast<int64_t>(ticket) & kTaskMask : 0;
      if (ahead > 0 || taken >= tasks) return -1;
      const uint64_t next = none + static_cast<uint64_t>(taken) + 1;
      if (share.ticket.compare_exchange_weak(ticket, next, std::memory_order_acq_rel)) return taken;
    }
  }

  // A reader has a whole loop only if the number was even, and the same before and after.
  void publish(const Loop& loop) {
    const uint64_t number = number_.load(std::memory_order_relaxed);
    number_.store(number + 1, std::memory_order_release);
    tasks_.store(loop.tasks, std::memory_order_release);
    body_.store(loop.body, std::memory_order_release);
    context_.store(loop.context, std::memory_order_release);
    done_.store(0, std::memory_order_relaxed);
    number_.store(number + 2, std::memory_order_release);
    announced_.fetch_add(1);
    if (sleepers_.load() > 0) announced_.notify_all();
  }

  void drain(int thread) {
    const uint64_t number = number_.load(std::memory_order_acquire);
    const Loop loop{tasks_.load(std::memory_order_acquire), body_.load(std::memory_order_acquire),
                    context_.load(std::memory_order_acquire)};
    if (number % 2 == 1 || number_.load(std::memory_order_acquire) != number) return;
    const Inside inside;
    const int shares = std::min(size(), kMaxShares);
    int64_t ran = 0;
    for (int i = 0; i < shares; ++i) {
      const int share = (thread + i) % shares;
      const int64_t tasks = ceil_div(loop.tasks - share, shares);
      for (int64_t t; (t = take(shares_[share], number / 2, tasks)) >= 0; ++ran) {
        run_task(loop.body, loop.context, share + t * shares);
      }
    }
    if (ran > 0) done_.fetch_add(ran, std::memory_order_release);
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
      drain(index);
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
    publish({0, nullptr, nullptr});
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
  std::array<Share, kMaxShares> shares_;
  alignas(64) std::atomic<uint64_t> number_{0};
  std::atomic<int64_t> tasks_{0};
  std::atomic<void (*)(void*, int64_t)> body_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<uint32_t> announced_{0};  // what idle threads wait on
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
