// CUDA kernels on the host: the sources of kernels/*.cu compiled as C++, one fiber a thread.
//
// Work of a stream (kernels, copies, a captured graph) is done some time between its queueing and
// the moment when the host waits for it; the seed says when, and in which order among the streams,
// as far as events and the edges of a graph leave it open. A copy has two moments, and between them
// its target is poisoned. So a missing event, and a host that does not wait before it reads or
// writes, show as wrong bits under some seeds. Work of the null stream is done when it is queued.
//
// A kernel's blocks run one after the other, in an order that the seed shuffles; so do the threads
// of a block between two meetings (barriers, shuffles, votes, matrix products). Nothing runs in
// parallel, so that a missing barrier shows as another result under another seed, never as a torn
// number.
//
// The host cannot touch device memory: its pages are open while kernels and copies run, and where
// anything else reads or writes them the process ends with a word on stderr and SIGSEGV. The other
// way round nothing stops a kernel: ordinary pointers work here and not on a GPU.
//
// What a real device leaves undefined is made to show: fresh device memory and every block's shared
// memory hold 0xFF bytes (NaN as floats, -1 as integers); asynchronous copies land between their
// start and the wait, the seed says when, and until then their target is poisoned; guard zones, and
// under the address sanitizer red ones, lie around each allocation and each block's shared memory.
// A launch, or a later call that has waited for it, returns cudaErrorLaunchFailure and drops all
// other work, and cudaGetErrorString says in one sentence what went wrong, where
//  - threads wait for others that have ended or wait elsewhere,
//  - the threads of a block call different __syncthreads, or the lanes of a mask different
//    intrinsics, or a lane calls one with a mask that lacks itself,
//  - an address is not aligned as an access needs it, or is not in shared memory where it must be,
//  - a copy is used against its contract (kernels/core/async.cuh),
//  - a guard zone was written to (cudaErrorIllegalAddress).
// It cannot find: a missing __syncwarp where a shuffle or a vote stands in its place, missing
// fences, blocks that wait for each other (the test does not end), bank conflicts, anything about
// time, wrong operands in inline PTX.
#pragma once

#include <cstdint>
#include <string>

namespace hotrow::cuda_on_host {

// Orders, and the moments at which work is done and copies land, are functions of the seed and of
// the calls since this one.
void set_schedule_seed(uint64_t seed);

// Whether graphs can be instantiated; at first they can.
void set_graphs_refused(bool refused);

// Calls of the runtime since the start.
struct RuntimeCalls {
  int64_t allocations = 0;  // of device memory and of pinned memory
  int64_t launches = 0;     // of kernels by the host; those of a replayed graph do not count
  int64_t graphs = 0;       // launched
};
RuntimeCalls runtime_calls();

// Ranges for a profiler since the last call; the first call begins to keep them. "a(b()c())": b,
// then c, inside of a.
std::string take_ranges();

}  // namespace hotrow::cuda_on_host
