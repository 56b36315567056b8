# Installs what was built into a stage, and builds and runs the consumer against that. Needs BUILD, SOURCE and WORK.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/stage")
run("${CMAKE_COMMAND}" -G Ninja -S "${SOURCE}" -B "${WORK}/build" "-DCMAKE_PREFIX_PATH=${WORK}/stage"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" -DCMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Wpedantic\ -Wconversion\ -Wshadow\ -Werror)
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/consumer")
if(NOT output MATCHES "0 1 4 9 .* 9604 9801 $")
  message(FATAL_ERROR "the consumer printed: ${output}")
endif()
run("${WORK}/stage/bin/flagship" fetch BR --sink none)
