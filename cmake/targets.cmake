# hotrow_library(NAME SOURCES ... LINK ... PRIVATE_LINK ...): one static library.
function(hotrow_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;PRIVATE_LINK")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC hotrow_options ${arg_LINK} PRIVATE ${arg_PRIVATE_LINK})
endfunction()

# hotrow_tool(NAME SOURCES ... LINK ...): one program.
function(hotrow_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()
