// What a step asks of CUDA once it runs: nothing is allocated, and full batches are graphs.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/dlrm_step.h"
#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/dlrm_harness.h"

namespace hotrow::test {
namespace {
using cuda_on_host::runtime_calls;
using cuda_on_host::RuntimeCalls;

constexpr int64_t kBatch = 9;
constexpr int64_t kMaxIdsPerBag = 3;

class Training {
 public:
  Training(const DlrmConfig& c, const StepOptions& options)
      : config_(c),
        model_(c, Mode::kTrain, UpdateKind::kSgd, Device::kCuda),
        step_(model_, batch_shape(c, kMaxIdsPerBag), kBatch, {.device = Device::kCuda}, options) {}

  // The calls of a step whose ids were never seen.
  RuntimeCalls step(int64_t rows) {
    const Batch batch = random_batch(config_, rows, kMaxIdsPerBag, ++seed_);
    const RuntimeCalls before = runtime_calls();
    step_.feed(batch);
    step_.forward();
    EXPECT_GT(step_.losses()[0], 0.0f);
    step_.backward({.learning_rate = 0.1, .step = seed_});
    RuntimeCalls now = runtime_calls();
    now.allocations -= before.allocations;
    now.launches -= before.launches;
    now.graphs -= before.graphs;
    return now;
  }

  // Whether a batch has left the host before the update that was queued before it is done.
  bool sends_beside_the_update() {
    const Batch batch = random_batch(config_, kBatch, kMaxIdsPerBag, ++seed_);
    step_.feed(batch);
    step_.forward();
    step_.backward({.learning_rate = 0.1});
    cudaEvent_t updated = nullptr;
    EXPECT_EQ(cudaEventCreate(&updated), cudaSuccess);
    EXPECT_EQ(
        cudaEventRecord(updated, static_cast<cudaStream_t>(model_.parameters().stream().native())),
        cudaSuccess);
    step_.feed(batch);
    step_.forward();
    step_.feed(batch);  // returns when the one before has gone
    const cudaError_t state = cudaEventQuery(updated);
    EXPECT_EQ(cudaEventDestroy(updated), cudaSuccess);
    step_.wait();
    return state == cudaErrorNotReady;
  }

 private:
  DlrmConfig config_;
  Dlrm model_;
  DlrmStep step_;
  uint32_t seed_ = 0;
};

TEST(CudaCalls, FullBatchesAreTwoGraphsFromTheThirdOn) {
  Training training(small_config(), {});
  const RuntimeCalls first = training.step(kBatch);
  EXPECT_GT(first.launches, 10);
  EXPECT_EQ(first.graphs, 0);
  training.step(kBatch);
  for (int i = 0; i < 3; ++i) {
    const RuntimeCalls calls = training.step(kBatch);
    EXPECT_EQ(calls.allocations, 0);
    EXPECT_EQ(calls.launches, 0);
    EXPECT_EQ(calls.graphs, 2);
    const RuntimeCalls of_short = training.step(kBatch - 1 - i);
    EXPECT_EQ(of_short.allocations, 0);
    EXPECT_EQ(of_short.launches, first.launches);
    EXPECT_EQ(of_short.graphs, 0);
  }
}

// What a profiler shows of a step: queued call by call, recorded and replayed.
TEST(CudaCalls, RangesNameThePartsOfAStep) {
  Training training(small_config(), {});
  cuda_on_host::take_ranges();
  const std::string forward =
      "linear()linear()embedding_bag()dot_interaction()linear()linear()loss()";
  const std::string backward =
      "loss()linear()linear()dot_interaction()embedding_bag()linear()linear()dense_update()";
  const std::string queued =
      "feed()forward(" + forward + ")wait for results()backward(" + backward + ")";
  for (int i = 0; i < 2; ++i) {
    training.step(kBatch);
    EXPECT_EQ(cuda_on_host::take_ranges(), queued) << i;
  }
  training.step(kBatch);
  EXPECT_EQ(cuda_on_host::take_ranges(), "feed()forward()wait for results()backward()");
}

TEST(CudaCalls, TheNextBatchGoesUpBesideTheUpdate) {
  int beside = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    Training training(small_config(), {});
    training.step(kBatch);
    beside += training.sends_beside_the_update();
  }
  EXPECT_GT(beside, 3);
}

TEST(CudaCalls, NoGraphWhereItIsSwitchedOffOrAnOpCountsIds) {
  DlrmConfig split = small_config();
  split.qr = QrConfig{.threshold = 20, .collisions = 4, .operation = QrOperation::kMultiply};
  for (const auto& [config, options] :
       {std::pair{small_config(), StepOptions{.graph = false}}, std::pair{split, StepOptions{}}}) {
    Training training(config, options);
    for (int i = 0; i < 4; ++i) {
      const RuntimeCalls calls = training.step(kBatch);
      EXPECT_GT(calls.launches, 10);
      EXPECT_EQ(calls.graphs, 0);
      EXPECT_TRUE(i < 2 || calls.allocations == 0) << calls.allocations;
    }
  }
}

}  // namespace
}  // namespace hotrow::test
