# What `cmake --install` puts where. Nothing installed knows its own prefix, so the tree may be
# moved: programs find the library by a path relative to themselves, and so do
# LatheConfig.cmake, lathe.pc and lathe-c.pc.
include(CMakePackageConfigHelpers)

install(TARGETS lathe EXPORT LatheTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/lib/include/lathe
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(lathe_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Lathe)
install(EXPORT LatheTargets NAMESPACE Lathe:: DESTINATION ${lathe_package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/scripts/cmake/LatheConfig.cmake.in
  ${PROJECT_BINARY_DIR}/LatheConfig.cmake INSTALL_DESTINATION ${lathe_package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/LatheConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/LatheConfig.cmake ${PROJECT_BINARY_DIR}/LatheConfigVersion.cmake
        DESTINATION ${lathe_package_folder})

# From <libdir>/pkgconfig back up to the prefix.
string(REGEX REPLACE "[^/]+" ".." LATHE_PC_UP "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
foreach(name IN ITEMS lathe lathe-c)
  configure_file(${PROJECT_SOURCE_DIR}/scripts/cmake/${name}.pc.in
                 ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# "man lathe" looks into section 1 first, and into 5 before 7: it is to find the overview.
file(WRITE ${PROJECT_BINARY_DIR}/lathe.1 ".so man7/lathe.7\n")
install(FILES ${PROJECT_BINARY_DIR}/lathe.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/tests/consumer/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
foreach(page IN ITEMS lathe.3 lathe.5 lathe.7)
  if(EXISTS ${PROJECT_SOURCE_DIR}/man/${page})
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES ${PROJECT_SOURCE_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()
