# Finds brotli, which brings no package file for CMake: targets Brotli::decoder and Brotli::encoder.
include(FindPackageHandleStandardArgs)
find_path(BROTLI_INCLUDE_DIR brotli/decode.h)
find_library(BROTLI_DECODER_LIBRARY brotlidec)
find_library(BROTLI_ENCODER_LIBRARY brotlienc)
mark_as_advanced(BROTLI_INCLUDE_DIR BROTLI_DECODER_LIBRARY BROTLI_ENCODER_LIBRARY)
find_package_handle_standard_args(Brotli
  REQUIRED_VARS BROTLI_DECODER_LIBRARY BROTLI_ENCODER_LIBRARY BROTLI_INCLUDE_DIR)
if(Brotli_FOUND AND NOT TARGET Brotli::decoder)
  foreach(PART decoder encoder)
    string(TOUPPER ${PART} UPPER)
    add_library(Brotli::${PART} UNKNOWN IMPORTED)
    set_target_properties(Brotli::${PART} PROPERTIES
      IMPORTED_LOCATION "${BROTLI_${UPPER}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${BROTLI_INCLUDE_DIR}")
  endforeach()
endif()
