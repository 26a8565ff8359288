// The steps by which cublaslt_open.cpp comes to the functions of cuBLASLt.
#pragma once

#include <span>
#include <string>

namespace hotrow {

// The first of these that opens. Throws DeviceError with the reason of each if none does.
void* open_library(std::span<const std::string> paths);

// Throws DeviceError where there is no such function.
void* find_function(void* library, const char* name);

}  // namespace hotrow
