# cmake --install: the library with its files for CMake and pkg-config, and the command line with its worker.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/flagship")

install(TARGETS flagship EXPORT flagshipTargets FILE_SET HEADERS)
install(EXPORT flagshipTargets NAMESPACE flagship:: DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/flagshipConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/flagshipConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/flagshipConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/flagshipConfig.cmake" "${PROJECT_BINARY_DIR}/flagshipConfigVersion.cmake"
  DESTINATION "${package_dir}")

# pkg-config. What a static library stands on is its user's to link; a shared one brings it along.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH flagship_prefix_from_pc "${CMAKE_INSTALL_PREFIX}/${pc_dir}" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" flagship_prefix_from_pc "${flagship_prefix_from_pc}")
set(flagship_pc_includedir "\${prefix}")
set(flagship_pc_libdir "\${prefix}")
cmake_path(APPEND flagship_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
cmake_path(APPEND flagship_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
set(flagship_pc_requires "")
if(NOT BUILD_SHARED_LIBS)
  set(flagship_pc_requires "libzmq protobuf")
  if(Seccomp_FOUND)
    string(APPEND flagship_pc_requires " libseccomp")
  endif()
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/flagship.pc.in" "${PROJECT_BINARY_DIR}/flagship.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/flagship.pc" DESTINATION "${pc_dir}")

if(FLAGSHIP_BUILD_CLI)
  if(BUILD_SHARED_LIBS)  # found from wherever the installation lies
    set_target_properties(flagship_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    set_target_properties(flagship_worker PROPERTIES INSTALL_RPATH "$ORIGIN/../../${CMAKE_INSTALL_LIBDIR}")
  endif()
  install(TARGETS flagship_cli RUNTIME)
  install(TARGETS flagship_worker RUNTIME DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/flagship")
  install(FILES "${PROJECT_SOURCE_DIR}/proto/flagship/v1/fetch.proto"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/flagship/flagship/v1")  # for who reads --protobuf
  set(hosts "${PROJECT_SOURCE_DIR}/master/hosts")
  install(FILES "${hosts}/HOSTS.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
  install(FILES "${hosts}/deploy/flagship-agent.service" "${hosts}/deploy/kubernetes.yaml"
    DESTINATION "${CMAKE_INSTALL_DOCDIR}/deploy")
endif()
