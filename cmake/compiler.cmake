# The target hotrow_options: what every source of the project is compiled with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set_property(CACHE CMAKE_BUILD_TYPE PROPERTY STRINGS Release Debug Sanitize)

if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11) OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14))
  message(FATAL_ERROR "The compiler is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, expected "
                      "g++ 11, clang++ 14 or newer (C++20)")
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
# Sanitize: fast enough for every test, with line numbers in reports, asserts kept.
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")

# A warning is an error for the two compilers that the tests build with; a newer compiler may know
# warnings that nobody has seen yet, and they must not stop a user's build.
set(werror_default OFF)
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.") OR
   (CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^14\\."))
  set(werror_default ON)
endif()
option(HOTROW_WERROR "Warnings are errors" ${werror_default})

add_library(hotrow_options INTERFACE)
target_include_directories(hotrow_options INTERFACE ${PROJECT_SOURCE_DIR})
# No contraction: a * b + c becomes one rounding only where the code says so, so that bits do not
# depend on the compiler's taste.
set(flags -Wall -Wextra -Wpedantic -Wshadow -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION MATCHES "^12\\.")
  # Its false alarm on std::string's operator+ (GCC bug 105651).
  list(APPEND flags -Wno-restrict)
endif()
if(HOTROW_WERROR)
  list(APPEND flags -Werror)
endif()
if(HOTROW_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The sanitizers' own code raises false alarms of this kind (GCC's manual says so).
  list(APPEND flags -Wno-maybe-uninitialized)
endif()
if(HOTROW_SANITIZE)
  list(APPEND flags -fsanitize=${HOTROW_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hotrow_options INTERFACE -fsanitize=${HOTROW_SANITIZE})
endif()
target_compile_options(hotrow_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${flags}>")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
