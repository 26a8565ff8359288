// Stands in for the CUDA header of this name where kernels are compiled for the host: as much of it
// as this project uses, with the same signatures. There is no __shared__: shared memory is dynamic.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/cuda_on_host/device_functions.h"
#include "tests/support/cuda_on_host/runtime_api.h"
