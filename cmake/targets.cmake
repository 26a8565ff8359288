# hotrow_library(NAME SOURCES ... LINK ... PRIVATE_LINK ...): one static library.
function(hotrow_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE_LINK")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC hotrow_options ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
endfunction()

# hotrow_cuda_sources(SOURCES ... GPU_ONLY ...): code that runs on a GPU or drives one. It is compiled
# twice: into hotrow_cuda where there is nvcc, and for the host in hotrow_cuda_on_host, which tests run.
# GPU_ONLY: what needs a library of CUDA; tests/support/cuda_on_host has a file in the place of each.
function(hotrow_cuda_sources)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "SOURCES;GPU_ONLY")
  list(TRANSFORM arg_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(TRANSFORM arg_GPU_ONLY PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set_property(GLOBAL APPEND PROPERTY HOTROW_CUDA_SOURCES ${arg_SOURCES})
  set_property(GLOBAL APPEND PROPERTY HOTROW_CUDA_GPU_ONLY ${arg_GPU_ONLY})
endfunction()

# hotrow_tool(NAME SOURCES ... LINK ...): one program.
function(hotrow_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()
