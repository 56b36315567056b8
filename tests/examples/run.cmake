# Runs PROGRAM, which has to end well and to print LINE, a regular expression.
execute_process(COMMAND "${PROGRAM}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
message("${output}${errors}")
if(NOT result EQUAL 0 OR NOT output MATCHES "${LINE}")
  message(FATAL_ERROR "it ended with ${result}, having to print: ${LINE}")
endif()
