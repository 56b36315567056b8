# Runs COMPILE on FILE: it has to fail with one error, which holds SENTENCE.
execute_process(COMMAND ${COMPILE} "${FILE}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REPLACE ";" "," output "${output}")  # or a list would have more items than there are errors
string(REGEX MATCHALL "[^\n]*error:[^\n]*" errors "${output}")
list(LENGTH errors count)
if(result EQUAL 0 OR NOT count EQUAL 1 OR NOT errors MATCHES "flagship: ${SENTENCE}")
  message(FATAL_ERROR "the compiler ended with ${result} and said:\n${output}")
endif()
