# cmake --install: the library with its package files, and the command line with its worker.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/flagship")

install(TARGETS flagship EXPORT flagshipTargets FILE_SET HEADERS)
install(EXPORT flagshipTargets NAMESPACE flagship:: DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/flagshipConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/flagshipConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/flagshipConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/flagshipConfig.cmake" "${PROJECT_BINARY_DIR}/flagshipConfigVersion.cmake"
  DESTINATION "${package_dir}")

if(FLAGSHIP_BUILD_CLI)
  install(TARGETS flagship_cli RUNTIME)
  install(TARGETS flagship_worker RUNTIME DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/flagship")
endif()
