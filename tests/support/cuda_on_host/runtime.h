// What the parts of the runtime's stand-in share.
#pragma once

#include <string>

#include "tests/support/cuda_on_host/cuda_on_host.h"
#include "tests/support/cuda_on_host/runtime_api.h"

namespace hotrow::cuda_on_host {

// Remembers `error` for cudaGetLastError and returns it.
cudaError_t report(cudaError_t error);
// The same for what a kernel did, which cudaGetErrorString then says in the words of `text`.
cudaError_t report(cudaError_t error, const std::string& text);

// Those of the thread that drives the device.
RuntimeCalls& counted_calls();

// Whether some stream is being captured, so that calls that would wait, or would change memory
// outside of the graph, are refused.
bool is_capturing();

// False for memory that begins in an allocation and does not end there.
bool is_whole(const void* p, size_t bytes);

// Bytes of an allocation that a kernel wrote around, -1 where there is none.
int64_t find_broken_allocation();

}  // namespace hotrow::cuda_on_host
