# Finds oneDNN 2.x or 3.x and makes OneDnn::dnnl. The library's own CMake file is not used: some
# distributions' asks for OpenCL, which the CPU code does not need.
#
# Sets OneDnn_FOUND and OneDnn_VERSION.

find_path(OneDnn_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(OneDnn_LIBRARY dnnl)
mark_as_advanced(OneDnn_INCLUDE_DIR OneDnn_LIBRARY)

if(OneDnn_INCLUDE_DIR)
  # 3.x moved the numbers to a header of another name.
  file(GLOB headers ${OneDnn_INCLUDE_DIR}/oneapi/dnnl/dnnl_version*.h)
  set(numbers)
  foreach(part MAJOR MINOR PATCH)
    foreach(header IN LISTS headers)
      file(STRINGS ${header} line REGEX "^#define DNNL_VERSION_${part} +[0-9]+")
      if(line MATCHES "([0-9]+)$")
        list(APPEND numbers ${CMAKE_MATCH_1})
        break()
      endif()
    endforeach()
  endforeach()
  list(JOIN numbers "." OneDnn_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDnn REQUIRED_VARS OneDnn_LIBRARY OneDnn_INCLUDE_DIR
                                  VERSION_VAR OneDnn_VERSION)

if(OneDnn_FOUND AND NOT TARGET OneDnn::dnnl)
  add_library(OneDnn::dnnl UNKNOWN IMPORTED)
  set_target_properties(OneDnn::dnnl PROPERTIES IMPORTED_LOCATION ${OneDnn_LIBRARY}
                                                INTERFACE_INCLUDE_DIRECTORIES ${OneDnn_INCLUDE_DIR})
endif()
