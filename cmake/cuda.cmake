# Finds nvcc for the kernels of kernels/*_cuda.cu and makes CUDA a language of the build.
#
# Which nvcc: CMAKE_CUDA_COMPILER, $CUDACXX, CUDAToolkit_ROOT, the first in PATH, the usual place.
# Sets HOTROW_HAS_CUDA and, where it is OFF, hotrow_cuda_lacks: why.

set(hotrow_cuda_minimum 12.0)  # C++20 and Hopper
if(NOT HOTROW_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "HOTROW_CUDA is ${HOTROW_CUDA}, expected AUTO, ON or OFF")
endif()

# Sets nvcc_version, empty where there is none, and tells CMake, whose own search for a compiler
# knows PATH alone, what its module for the toolkit finds.
function(hotrow_find_nvcc)
  set(nvcc "${CMAKE_CUDA_COMPILER}")
  if(NOT nvcc)
    if("$ENV{CUDACXX}" STREQUAL "")
      find_package(CUDAToolkit QUIET)
      if(CUDAToolkit_NVCC_EXECUTABLE)
        set(ENV{CUDACXX} ${CUDAToolkit_NVCC_EXECUTABLE})
      endif()
    endif()
    set(nvcc "$ENV{CUDACXX}")
  endif()
  set(nvcc_version "" PARENT_SCOPE)
  if(nvcc)
    execute_process(COMMAND ${nvcc} --version OUTPUT_VARIABLE text ERROR_QUIET)
    if(text MATCHES "release ([0-9]+\\.[0-9]+)")
      set(nvcc_version ${CMAKE_MATCH_1} PARENT_SCOPE)
    endif()
  endif()
endfunction()

set(hotrow_cuda_lacks)
if(HOTROW_CUDA STREQUAL "OFF")
  set(hotrow_cuda_lacks "HOTROW_CUDA is OFF")
else()
  hotrow_find_nvcc()
  if(NOT nvcc_version)
    set(hotrow_cuda_lacks "no nvcc")
  elseif(nvcc_version VERSION_LESS hotrow_cuda_minimum)
    set(hotrow_cuda_lacks "nvcc is ${nvcc_version}, expected ${hotrow_cuda_minimum} or newer")
  else()
    # One compiler for all that runs on the CPU: one ABI, and the same warnings.
    if(NOT CMAKE_CUDA_HOST_COMPILER AND "$ENV{CUDAHOSTCXX}" STREQUAL "")
      set(ENV{CUDAHOSTCXX} ${CMAKE_CXX_COMPILER})
    endif()
    include(CheckLanguage)
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
      set(hotrow_cuda_lacks "nvcc ${nvcc_version} fails with ${CMAKE_CXX_COMPILER} (CMakeFiles/CMakeError.log)")
    endif()
  endif()
endif()

if(NOT hotrow_cuda_lacks)
  # Code for A100 and Hopper, and PTX for what comes later.
  if(NOT CMAKE_CUDA_ARCHITECTURES AND "$ENV{CUDAARCHS}" STREQUAL "")
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 90-virtual CACHE STRING "What nvcc compiles for")
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit QUIET)
  if(NOT TARGET CUDA::cudart_static OR NOT TARGET CUDA::cublasLt)
    set(hotrow_cuda_lacks "beside nvcc ${nvcc_version} is no cudart_static or no cublasLt")
  endif()
endif()

set(HOTROW_HAS_CUDA ON)
if(hotrow_cuda_lacks)
  set(HOTROW_HAS_CUDA OFF)
  if(HOTROW_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HOTROW_CUDA is ON, but ${hotrow_cuda_lacks}: install CUDA ${hotrow_cuda_minimum} or newer; "
                        "PATH, CUDACXX or CUDAToolkit_ROOT say where it is")
  endif()
endif()

if(HOTROW_HAS_CUDA)
  # CMake 3.25 does not know the flag.
  foreach(kind STANDARD EXTENSION)
    if(NOT CMAKE_CUDA20_${kind}_COMPILE_OPTION)
      set(CMAKE_CUDA20_${kind}_COMPILE_OPTION -std=c++20)
    endif()
  endforeach()
  # What the host and a kernel share is constexpr. fmt 9 thinks that nvcc does not know the word.
  # Warning 554 is a false alarm on the conversion of kernels/core/view.h.
  set(flags -DFMT_USE_CONSTEXPR=1 --diag-suppress=554
            --expt-relaxed-constexpr -lineinfo -fmad=false
            -Xcompiler=-Wall,-Wextra,-Wshadow,-ffp-contract=off)
  # As for C++: an error where the tests have seen every warning.
  if(HOTROW_WERROR AND nvcc_version VERSION_EQUAL 13.0)
    list(APPEND flags --Werror=all-warnings)
  endif()
  target_compile_options(hotrow_options INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:${flags}>")
  # Include directories in sight: of ccache, and of tests/cuda_resources.py.
  set(CMAKE_CUDA_USE_RESPONSE_FILE_FOR_INCLUDES OFF)
  if(CCACHE_PROGRAM AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
endif()
