# How every target of ours is compiled. The flags stay inside: users of the library do not inherit them.

add_library(flagship_flags INTERFACE)
target_compile_features(flagship_flags INTERFACE cxx_std_20)
target_compile_options(flagship_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
target_include_directories(flagship_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(flagship_flags INTERFACE -Wthread-safety)
endif()
if(FLAGSHIP_SANITIZE)
  target_compile_options(flagship_flags INTERFACE -fsanitize=${FLAGSHIP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(flagship_flags INTERFACE -fsanitize=${FLAGSHIP_SANITIZE})
endif()

# flagship_room(NAME SOURCES... ): one folder of the tree as an object library, with the project's flags.
function(flagship_room NAME)
  add_library(${NAME} OBJECT ${ARGN})
  target_link_libraries(${NAME} PRIVATE $<BUILD_INTERFACE:flagship_flags>)
  set_target_properties(${NAME} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
endfunction()

function(flagship_program NAME OUTPUT)
  add_executable(${NAME} ${ARGN})
  target_link_libraries(${NAME} PRIVATE $<BUILD_INTERFACE:flagship_flags>)
  set_target_properties(${NAME} PROPERTIES OUTPUT_NAME ${OUTPUT} CXX_EXTENSIONS OFF)
endfunction()
