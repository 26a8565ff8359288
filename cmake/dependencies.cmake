# Finds what the project links. What is missing stops the configuration with the name of its package.

find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
  message(FATAL_ERROR "pkg-config is missing: apt-get install pkg-config")
endif()

# hotrow_need(TARGET apt-package): fails unless the lookup before it made the target.
function(hotrow_need target package)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "${target} is missing: apt-get install ${package} (or run scripts/setup.sh)")
  endif()
endfunction()

find_package(Threads REQUIRED)

# pkg-config where the package's own CMake file is missing on some releases or asks for programs
# that the development package does not bring.
pkg_check_modules(HIGHWAY QUIET IMPORTED_TARGET libhwy)
hotrow_need(PkgConfig::HIGHWAY libhwy-dev)
pkg_check_modules(LIBZIP QUIET IMPORTED_TARGET libzip)
hotrow_need(PkgConfig::LIBZIP libzip-dev)
pkg_check_modules(XXHASH QUIET IMPORTED_TARGET libxxhash)
hotrow_need(PkgConfig::XXHASH libxxhash-dev)
pkg_check_modules(YAMLCPP QUIET IMPORTED_TARGET yaml-cpp)
hotrow_need(PkgConfig::YAMLCPP libyaml-cpp-dev)

find_package(ZLIB QUIET)
hotrow_need(ZLIB::ZLIB zlib1g-dev)
find_package(fmt QUIET)
hotrow_need(fmt::fmt libfmt-dev)
find_package(nlohmann_json QUIET)
hotrow_need(nlohmann_json::nlohmann_json nlohmann-json3-dev)
find_package(CLI11 QUIET)
hotrow_need(CLI11::CLI11 libcli11-dev)
find_package(benchmark QUIET)
hotrow_need(benchmark::benchmark libbenchmark-dev)

if(NOT HOTROW_ONEDNN MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "HOTROW_ONEDNN is ${HOTROW_ONEDNN}, expected AUTO, ON or OFF")
endif()
if(NOT HOTROW_ONEDNN STREQUAL "OFF")
  find_package(OneDnn QUIET)
endif()
# Its threads, which are told to stay out of ours.
if(TARGET OneDnn::dnnl)
  find_package(OpenMP QUIET COMPONENTS CXX)
endif()
if(HOTROW_ONEDNN STREQUAL "ON")
  hotrow_need(OneDnn::dnnl libdnnl-dev)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    hotrow_need(OpenMP::OpenMP_CXX libomp-dev)
  else()
    hotrow_need(OpenMP::OpenMP_CXX g++)
  endif()
endif()

set(HOTROW_HAS_ONEDNN OFF)
if(TARGET OneDnn::dnnl AND TARGET OpenMP::OpenMP_CXX)
  set(HOTROW_HAS_ONEDNN ON)
endif()

find_package(GTest QUIET)
hotrow_need(GTest::gtest_main libgtest-dev)
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
hotrow_need(Python3::Interpreter python3)
