// Where and in which order a kernel runs. The type of its last argument picks a kernel's backend;
// engine/dispatch.h is the only place that turns a run-time device into such a type.
#pragma once

namespace hotrow {

// Kernels on the CPU finish before they return; they use the threads of kernels/core/parallel.h.
struct CpuStream {};

// Kernels on a CUDA device are queued in the order of the calls and return at once; they allocate
// nothing and never wait. Every pointer is device memory, those inside of descriptors too, and so
// are the elements of spans of descriptors; the sizes of spans and the dims of views are read on
// the host. What a CPU kernel returns is written to device memory that the caller names, and
// scratch is the caller's, as large as a function of the same header says. All of it must live
// until the stream has passed the kernel. A launch that fails throws DeviceError.
struct CudaStream {
  void* native = nullptr;  // a cudaStream_t
};

}  // namespace hotrow
