// What is queued on the device: work that waits for other work.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/cuda_on_host/runtime_api.h"

namespace hotrow::cuda_on_host {

struct Outcome {
  cudaError_t error = cudaSuccess;
  std::string text;  // what a kernel did
};
using Work = std::function<Outcome()>;  // empty: nothing is done

struct Task {
  Work work;
  std::vector<std::shared_ptr<Task>> after;  // that end before it begins
  bool ended = false;
  std::chrono::steady_clock::time_point end_time{};
};
using TaskPtr = std::shared_ptr<Task>;

// `after` may be null.
TaskPtr make_task(Work work = {}, const TaskPtr& after = nullptr);

// Queues a task; those that it waits for have been queued before.
void submit(const TaskPtr& task);

// These run tasks one after the other, in an order that the seed draws of all that `after` allows.
// Once a task fails nothing that is queued runs any more; the first of these functions that returns
// an error returns its.
cudaError_t make_progress();              // some tasks, or none, as the seed says
cudaError_t finish(const TaskPtr& task);  // until this one has ended; null: it has
cudaError_t finish_all();                 // until all have
cudaError_t query(const TaskPtr& task);   // one task; cudaErrorNotReady unless this one has ended
void finish_all_quietly();                // all, and keeps the error for the next one to ask
}  // namespace hotrow::cuda_on_host
