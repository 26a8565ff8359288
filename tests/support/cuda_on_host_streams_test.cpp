// The CUDA runtime's stand-in: streams, events and captured graphs. It finds a missing event and a
// host that does not wait, and lets correct programs pass under every seed.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

#include "kernels/core/launch.cuh"
#include "tests/support/device_memory.h"
#include "tests/support/error_text.h"
#include "tests/support/expect_throws.h"
#include "tests/support/kernel_runs.h"

namespace hotrow::test {
namespace {

__global__ void add(int* p, int x) { p[threadIdx.x] += x; }
__global__ void multiply(int* p, int x) { p[threadIdx.x] *= x; }
__global__ void copy_all(int* to, const int* from) { to[threadIdx.x] = from[threadIdx.x]; }
__global__ void trap() { __trap(); }

// Throws where a call of the runtime fails.
void ok(cudaError_t error) { check_cuda(error, "test", "call"); }

class Streams : public ::testing::Test {
 protected:
  Streams() {
    for (cudaStream_t& s : streams_) ok(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    ok(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    ok(cudaEventCreate(&second_event_));
  }
  ~Streams() override {
    for (cudaStream_t s : streams_) cudaStreamDestroy(s);
    cudaEventDestroy(event_);
    cudaEventDestroy(second_event_);
    cudaGetLastError();
  }
  void add_in(cudaStream_t stream, int x) {
    launch("add", add, {1, 32}, {stream}, values_.data(), x);
  }
  void multiply_in(cudaStream_t stream, int x) {
    launch("multiply", multiply, {1, 32}, {stream}, values_.data(), x);
  }
  // What `later` queues waits for what `earlier` holds.
  void order(cudaStream_t earlier, cudaStream_t later) {
    ok(cudaEventRecord(event_, earlier));
    ok(cudaStreamWaitEvent(later, event_));
  }
  void copy_in(cudaStream_t stream, int* to, const int* from) {
    ok(cudaMemcpyAsync(to, from, 128, cudaMemcpyDefault, stream));
  }
  // Waits for the device.
  int value() const { return values_.get()[7]; }
  // As it is at this moment: waits for no stream.
  int value_now() const {
    int value = 0;
    ok(cudaMemcpy(&value, values_.data() + 7, sizeof(value), cudaMemcpyDeviceToHost));
    return value;
  }
  void reset() { values_.set(std::vector<int>(32, 1)); }
  cudaGraphExec_t instantiate(cudaGraph_t graph) {
    cudaGraphExec_t exec;
    ok(cudaGraphInstantiate(&exec, graph));
    ok(cudaGraphDestroy(graph));
    return exec;
  }

  cudaStream_t streams_[2];
  cudaEvent_t event_, second_event_;
  DeviceVector<int> values_{std::vector<int>(32, 1)};
};

TEST_F(Streams, DoTheirWorkInOrder) {
  const auto work = [&] {
    reset();
    add_in(streams_[0], 2);
    multiply_in(streams_[0], 5);
    ok(cudaStreamSynchronize(streams_[0]));
    const int first = value_now();
    ok(cudaMemsetAsync(values_.data(), 0, 128, streams_[0]));
    add_in(streams_[0], 4);
    return std::array{first, value()};
  };
  EXPECT_EQ(seeds_that_differ(std::array{15, 4}, work), 0);
}

TEST_F(Streams, TheNullStreamWaitsForNobody) {
  add_in(nullptr, 2);
  EXPECT_EQ(value_now(), 3);
  copy_in(nullptr, values_.data(), std::vector<int>(32, 8).data());
  EXPECT_EQ(value_now(), 8);
}

TEST_F(Streams, WaitForEachOthersEvents) {
  const auto work = [&](bool waits) {
    reset();
    add_in(streams_[0], 2);
    if (waits) order(streams_[0], streams_[1]);
    multiply_in(streams_[1], 3);
    if (waits) order(streams_[1], streams_[0]);
    add_in(streams_[0], 4);
    return value();
  };
  EXPECT_EQ(seeds_that_differ(13, [&] { return work(true); }), 0);
  EXPECT_GT(seeds_that_differ(13, [&] { return work(false); }), kSeeds / 4);
}

TEST_F(Streams, AnEventIsTheWorkBeforeIt) {
  std::set<int> found;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    reset();
    add_in(streams_[0], 2);
    ok(cudaEventRecord(event_, streams_[0]));
    multiply_in(streams_[0], 5);  // not before it
    ok(cudaEventSynchronize(event_));
    found.insert(value_now());
    EXPECT_EQ(value(), 15);
  }
  EXPECT_EQ(found, (std::set<int>{3, 15}));
}

TEST_F(Streams, FindAHostThatReadsTooEarly) {
  const auto read = [&](bool waits) {
    reset();
    std::vector<int> host(32, 77);
    add_in(streams_[0], 2);
    copy_in(streams_[0], host.data(), values_.data());
    if (waits) ok(cudaStreamSynchronize(streams_[0]));
    const int got = host[7];
    ok(cudaDeviceSynchronize());
    return got;
  };
  EXPECT_EQ(seeds_that_differ(3, [&] { return read(true); }), 0);
  EXPECT_GT(seeds_that_differ(3, [&] { return read(false); }), kSeeds / 2);
}

TEST_F(Streams, FindAHostThatWritesTooEarly) {
  const auto write = [&](bool waits) {
    std::vector<int> host(32, 5);
    copy_in(streams_[0], values_.data(), host.data());
    if (waits) ok(cudaStreamSynchronize(streams_[0]));
    host.assign(32, 6);
    return value();
  };
  EXPECT_EQ(seeds_that_differ(5, [&] { return write(true); }), 0);
  EXPECT_GT(seeds_that_differ(5, [&] { return write(false); }), kSeeds / 2);
}

// The copy brings what is there already, so that only its middle makes a difference.
TEST_F(Streams, FindAReaderOfACopyUnderWay) {
  const std::vector<int> host(32, 1);
  DeviceVector<int> out(32);
  const auto read = [&](bool waits) {
    copy_in(streams_[0], values_.data(), host.data());
    if (waits) order(streams_[0], streams_[1]);
    launch("copy", copy_all, {1, 32}, {streams_[1]}, out.data(), values_.data());
    return out.get()[7];
  };
  EXPECT_EQ(seeds_that_differ(
                1, [&] { return read(true); }, 100),
            0);
  EXPECT_GT(seeds_that_differ(
                1, [&] { return read(false); }, 100),
            0);
}

TEST_F(Streams, CanBeAskedUntilTheyAreDone) {
  int not_ready = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    reset();
    add_in(streams_[0], 2);
    ok(cudaEventRecord(event_, streams_[0]));
    while (cudaEventQuery(event_) == cudaErrorNotReady) ++not_ready;
    EXPECT_EQ(value_now(), 3);
    multiply_in(streams_[0], 5);
    while (cudaStreamQuery(streams_[0]) == cudaErrorNotReady) ++not_ready;
    EXPECT_EQ(value_now(), 15);
  }
  EXPECT_GT(not_ready, 0);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(Streams, EventsHaveTimes) {
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, event_, second_event_),
            cudaErrorInvalidResourceHandle);
  ok(cudaEventRecord(event_, streams_[0]));
  add_in(streams_[0], 2);
  ok(cudaEventRecord(second_event_, streams_[0]));
  ok(cudaStreamWaitEvent(streams_[1], second_event_));
  ok(cudaEventSynchronize(second_event_));
  ok(cudaEventElapsedTime(&milliseconds, event_, second_event_));
  EXPECT_GT(milliseconds, 0);
}

// A failure is told once, by a call that may have waited for it; work behind it is lost.
TEST_F(Streams, TellOfAFailureLater) {
  int at_once = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    reset();
    const auto run_trap = [&] {
      launch("trap", trap, {1, 32}, {streams_[0]});
      add_in(streams_[0], 2);
    };
    std::string text = error_text<DeviceError>(run_trap);
    at_once += text != "no error";
    if (text == "no error") {
      text = error_text<DeviceError>([&] { ok(cudaStreamSynchronize(streams_[0])); });
    }
    EXPECT_NE(text.find("__trap was called"), std::string::npos) << text;
    ok(cudaDeviceSynchronize());
    EXPECT_EQ(value(), 1);
    add_in(streams_[0], 3);
    EXPECT_EQ(value(), 4);
  }
  EXPECT_LT(at_once, kSeeds);
}

TEST_F(Streams, LeaveTheirWorkToTheDeviceAndMemoryWaitsForIt) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    cuda_on_host::set_schedule_seed(seed);
    reset();
    {
      const DeviceVector<int> fives(std::vector<int>(32, 5));
      cudaStream_t stream;
      ok(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0));
      copy_in(stream, values_.data(), fives.data());
      ok(cudaStreamDestroy(stream));
    }
    EXPECT_EQ(value_now(), 5);
  }
  cudaStream_t stream;
  EXPECT_EQ(cudaStreamCreateWithFlags(&stream, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaStreamDestroy(nullptr), cudaErrorInvalidResourceHandle);
}

// add, then multiply and add in two streams; joined.
TEST_F(Streams, AGraphReplaysWhatWasCaptured) {
  cudaStreamCaptureStatus status;
  const auto replay = [&](bool waits) {
    std::vector<int> host(32, -1);
    cudaGraph_t graph;
    reset();
    ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
    ok(cudaStreamIsCapturing(streams_[0], &status));
    EXPECT_EQ(status, cudaStreamCaptureStatusActive);
    order(streams_[0], streams_[1]);  // the second stream joins the capture
    add_in(streams_[0], 2);
    if (waits) order(streams_[0], streams_[1]);
    multiply_in(streams_[1], 3);
    copy_in(streams_[1], host.data(), values_.data());
    order(streams_[1], streams_[0]);
    ok(cudaStreamEndCapture(streams_[0], &graph));
    ok(cudaStreamIsCapturing(streams_[1], &status));
    EXPECT_EQ(status, cudaStreamCaptureStatusNone);
    EXPECT_EQ(value(), 1);
    EXPECT_EQ(host[7], -1);
    const cudaGraphExec_t exec = instantiate(graph);
    add_in(streams_[0], 1);  // before the graph
    ok(cudaGraphLaunch(exec, streams_[0]));
    ok(cudaStreamSynchronize(streams_[0]));
    const int first = host[7];
    ok(cudaGraphLaunch(exec, streams_[1]));
    add_in(streams_[1], 5);  // behind it
    ok(cudaGraphExecDestroy(exec));
    const int last = value();
    return std::array{first, host[7], last};
  };
  const std::array want{12, 42, 47};
  EXPECT_EQ(seeds_that_differ(want, [&] { return replay(true); }), 0);
  EXPECT_GT(seeds_that_differ(want, [&] { return replay(false); }), kSeeds / 4);
}

TEST_F(Streams, AGraphRunsInTheNullStream) {
  cudaGraph_t graph;
  ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
  add_in(streams_[0], 2);
  ok(cudaStreamEndCapture(streams_[0], &graph));
  const cudaGraphExec_t exec = instantiate(graph);
  ok(cudaGraphLaunch(exec, nullptr));
  EXPECT_EQ(value_now(), 3);
  ok(cudaGraphExecDestroy(exec));
}

TEST_F(Streams, ACaptureRefusesWhatAGraphCannotHold) {
  cudaGraph_t graph;
  void* memory;
  ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamSynchronize(streams_[0]), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaMemset(values_.data(), 0, 4), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaEventRecord(event_, nullptr), cudaErrorStreamCaptureImplicit);
  EXPECT_THROWS(DeviceError, "[add] kernel launch failed: got cudaErrorStreamCaptureImplicit: oper",
                add_in(nullptr, 1));
  EXPECT_EQ(cudaStreamEndCapture(streams_[1], &graph), cudaErrorStreamCaptureUnmatched);
  ok(cudaStreamEndCapture(streams_[0], &graph));
  ok(cudaGraphDestroy(graph));
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(value(), 1);
}

TEST_F(Streams, ACaptureMustBeJoined) {
  cudaGraph_t graph;
  ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
  order(streams_[0], streams_[1]);
  ok(cudaEventRecord(second_event_, streams_[1]));
  ok(cudaStreamWaitEvent(streams_[0], second_event_));
  multiply_in(streams_[1], 3);  // behind what the first stream has waited for
  EXPECT_EQ(cudaEventQuery(second_event_), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaStreamEndCapture(streams_[0], &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cudaStreamWaitEvent(streams_[0], event_), cudaErrorCapturedEvent);

  ok(cudaEventRecord(event_, streams_[1]));
  ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaStreamWaitEvent(streams_[0], event_), cudaErrorStreamCaptureIsolation);
  ok(cudaStreamBeginCapture(streams_[1], cudaStreamCaptureModeGlobal));
  ok(cudaEventRecord(second_event_, streams_[1]));
  EXPECT_EQ(cudaStreamWaitEvent(streams_[0], second_event_), cudaErrorStreamCaptureMerge);
  for (cudaStream_t stream : streams_) {
    ok(cudaStreamEndCapture(stream, &graph));
    ok(cudaGraphDestroy(graph));
  }
}

}  // namespace
}  // namespace hotrow::test
