#include "tests/support/cuda_on_host/tasks.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "tests/support/cuda_on_host/block.h"
#include "tests/support/cuda_on_host/device_range.h"
#include "tests/support/cuda_on_host/runtime.h"

namespace hotrow::cuda_on_host {
namespace {

bool is_ready(const TaskPtr& task) {
  return std::ranges::all_of(task->after, [](const TaskPtr& t) { return t->ended; });
}

class Queue {
 public:
  std::mutex mutex;  // held by whoever calls: see Turn

  void end_turn() { access_.reset(); }
  void add(const TaskPtr& task) { pending_.push_back(task); }
  // Runs one task; false where none is left.
  bool step();
  // Reports the failure of a task, once.
  cudaError_t take_failure() {
    const Outcome failure = std::exchange(failure_, {});
    return failure.error == cudaSuccess ? cudaSuccess : report(failure.error, failure.text);
  }

 private:
  TaskPtr pick() const;
  void end(Task& task);

  std::vector<TaskPtr> pending_;  // in the order of their coming
  TaskPtr last_;                  // that has ended
  Outcome failure_;
  std::optional<DeviceAccess> access_;  // from the first task of a turn to the turn's end
};

// Mostly what follows the task before, so that some streams get far ahead of others.
TaskPtr Queue::pick() const {
  std::vector<TaskPtr> ready;
  std::ranges::copy_if(pending_, std::back_inserter(ready), is_ready);
  if (ready.size() == 1) return ready[0];
  const auto next = std::ranges::find_if(ready, [&](const TaskPtr& task) {
    return std::ranges::find(task->after, last_) != task->after.end();
  });
  return next != ready.end() && random_bits() % 4 != 0 ? *next
                                                       : ready[random_bits() % ready.size()];
}

void Queue::end(Task& task) {
  task.work = nullptr;
  task.after.clear();
  task.ended = true;
  task.end_time = std::chrono::steady_clock::now();
}

bool Queue::step() {
  if (pending_.empty()) return false;
  if (!access_) access_.emplace();
  last_ = pick();
  pending_.erase(std::ranges::find(pending_, last_));
  Outcome outcome = last_->work ? last_->work() : Outcome{};
  end(*last_);
  if (outcome.error != cudaSuccess) {
    failure_ = std::move(outcome);
    for (const TaskPtr& task : std::exchange(pending_, {})) end(*task);
  }
  return true;
}

Queue& queue() {
  static Queue one;
  return one;
}

// A thread's turn at the queue.
class Turn {
 public:
  Turn() : lock_(queue().mutex) {}
  ~Turn() { queue().end_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::scoped_lock<std::mutex> lock_;
};

}  // namespace

TaskPtr make_task(Work work, const TaskPtr& after) {
  auto task = std::make_shared<Task>();
  task->work = std::move(work);
  if (after != nullptr) task->after.push_back(after);
  return task;
}

void submit(const TaskPtr& task) {
  const Turn turn;
  queue().add(task);
}

cudaError_t make_progress() {
  const Turn turn;
  if (random_bits() % 4 == 0) {
    for (uint64_t steps = random_bits() % 8; steps > 0 && queue().step(); --steps) {
    }
  }
  return queue().take_failure();
}

cudaError_t finish(const TaskPtr& task) {
  const Turn turn;
  while (task != nullptr && !task->ended) queue().step();
  return queue().take_failure();
}

void finish_all_quietly() {
  const Turn turn;
  while (queue().step()) {
  }
}

cudaError_t finish_all() {
  finish_all_quietly();
  return finish(nullptr);
}

cudaError_t query(const TaskPtr& task) {
  const Turn turn;
  if (task != nullptr && !task->ended) queue().step();
  if (const cudaError_t error = queue().take_failure()) return error;
  return task == nullptr || task->ended ? cudaSuccess : cudaErrorNotReady;
}

}  // namespace hotrow::cuda_on_host
