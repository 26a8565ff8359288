// Where and in which order a kernel runs. The type of its last argument picks a kernel's backend;
// engine/dispatch.h is the only place that turns a run-time device into such a type.
#pragma once

namespace hotrow {

// Kernels on the CPU finish before they return; they use the threads of kernels/core/parallel.h.
struct CpuStream {};

}  // namespace hotrow
