// The CUDA runtime's stand-in: memory, streams, events and captured graphs.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/core/launch.cuh"
#include "tests/support/device_memory.h"
#include "tests/support/expect_throws.h"

namespace hotrow::test {
namespace {

__global__ void add(int* p, int x) { p[threadIdx.x] += x; }
__global__ void multiply(int* p, int x) { p[threadIdx.x] *= x; }
__global__ void do_nothing() {}

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
  int value() const { return values_.get()[7]; }

  cudaStream_t streams_[2];
  cudaEvent_t event_, second_event_;
  DeviceVector<int> values_{std::vector<int>(32, 1)};
};

TEST_F(Streams, DoTheirWorkInOrder) {
  add_in(streams_[0], 2);
  multiply_in(streams_[0], 5);
  ok(cudaStreamSynchronize(streams_[0]));
  EXPECT_EQ(value(), 15);
  ok(cudaMemsetAsync(values_.data(), 0, 128, streams_[0]));
  add_in(nullptr, 4);
  ok(cudaStreamQuery(streams_[0]));
  EXPECT_EQ(value(), 4);
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

TEST_F(Streams, AGraphReplaysWhatWasCaptured) {
  std::vector<int> host(32, -1);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStreamCaptureStatus status;
  ok(cudaStreamBeginCapture(streams_[0], cudaStreamCaptureModeGlobal));
  ok(cudaStreamIsCapturing(streams_[0], &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  add_in(streams_[0], 2);
  ok(cudaEventRecord(event_, streams_[0]));
  ok(cudaStreamWaitEvent(streams_[1], event_));  // the second stream joins the capture
  multiply_in(streams_[1], 3);
  ok(cudaMemcpyAsync(host.data(), values_.data(), 128, cudaMemcpyDeviceToHost, streams_[1]));
  ok(cudaEventRecord(second_event_, streams_[1]));
  ok(cudaStreamWaitEvent(streams_[0], second_event_));
  ok(cudaStreamEndCapture(streams_[0], &graph));
  ok(cudaStreamIsCapturing(streams_[1], &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  EXPECT_EQ(value(), 1);
  EXPECT_EQ(host[7], -1);
  ok(cudaGraphInstantiate(&exec, graph));
  ok(cudaGraphDestroy(graph));
  ok(cudaGraphLaunch(exec, streams_[0]));
  EXPECT_EQ(host[7], 9);
  ok(cudaGraphLaunch(exec, streams_[1]));
  EXPECT_EQ(value(), 33);
  EXPECT_EQ(host[7], 33);
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
  ok(cudaEventRecord(event_, streams_[0]));
  ok(cudaStreamWaitEvent(streams_[1], event_));
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

TEST(CudaOnHostRuntime, MemoryIsCountedAndBounded) {
  size_t free = 0, total = 0, free_later = 0;
  ok(cudaMemGetInfo(&free, &total));
  char* p = nullptr;
  ok(cudaMalloc(&p, 1000));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 256, 0u);
  ok(cudaMemGetInfo(&free_later, &total));
  EXPECT_EQ(free - free_later, 1000u);
  EXPECT_EQ(p[999], '\xFF');
  char host[1001] = {};
  EXPECT_EQ(cudaMemcpy(host, p, 1001, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(p + 1, host, 1000, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(p + 999, 0, 2), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(p + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(p), cudaErrorInvalidValue);
  ok(cudaFree(p));
  EXPECT_EQ(cudaFree(p), cudaErrorInvalidValue);
  ok(cudaFree(nullptr));
  EXPECT_EQ(cudaMalloc(&p, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(p, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  ok(cudaMallocHost(&p, 10));
  ok(cudaFreeHost(p));
}

TEST(CudaOnHostRuntime, HasOneDevice) {
  int count = 0, value = 0;
  ok(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 1);
  ok(cudaSetDevice(0));
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  ok(cudaGetDeviceProperties(&properties, 0));
  ok(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  EXPECT_EQ(value, static_cast<int>(properties.sharedMemPerBlockOptin));
  EXPECT_STREQ(cudaGetErrorName(cudaErrorInvalidDevice), "cudaErrorInvalidDevice");
}

TEST(CudaOnHostRuntime, ALaunchHasTheLimitsOfADevice) {
  const auto launch_raw = [](unsigned blocks, unsigned threads, size_t shared_bytes) {
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared_bytes;
    return cudaLaunchKernelEx(&config, do_nothing);
  };
  EXPECT_EQ(launch_raw(1, 33, 48 * 1024), cudaSuccess);
  EXPECT_EQ(launch_raw(0, 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_raw(1, 1025, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_raw(1, 32, 48 * 1024 + 1), cudaErrorInvalidValue);
  ok(cudaFuncSetAttribute(do_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 49153));
  EXPECT_EQ(launch_raw(1, 32, 49153), cudaSuccess);
  EXPECT_EQ(cudaFuncSetAttribute(do_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 232449),
            cudaErrorInvalidValue);
}

TEST(DeviceVector, HoldsWhatItWasMadeOf) {
  const std::vector<int> values{3, 1, 4};
  DeviceVector<int> vector(values), other(2);
  EXPECT_EQ(vector.get(), values);
  EXPECT_EQ(other.get(), std::vector<int>(2, -1));
  EXPECT_THROWS(InvalidArgument, "[DeviceVector] wrong number of values: got 3, expected 2",
                other.set(values));
  other = std::move(vector);
  EXPECT_EQ(other.get(), values);
  EXPECT_EQ(DeviceVector<int>().get(), std::vector<int>());
}

}  // namespace
}  // namespace hotrow::test
