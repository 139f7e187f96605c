# Where what is built goes. Two layouts from one build:
#   site-packages  learn_rt/{*.so, include/, cmake/}: everything in one folder, as the wheel has it.
#   C++            include/, lib/, lib/cmake/learn_rt/, lib/pkgconfig/: the component `cpp`, and all there is without Python:
#                  cmake --install BUILD --component cpp --prefix /usr/local
# Both hold the CMake package: find_package(learn_rt) gives learn_rt::runtime and learn_rt::client.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(LEARN_RT_CPP_ONLY)
if(LEARN_RT_PYTHON)
  set(LEARN_RT_CPP_ONLY EXCLUDE_FROM_ALL)  # asked for by its component
endif()

# Installs a shared library. `component` is its part of the wheel; EXPORT NAME: C++ programs link it as learn_rt::NAME.
function(learn_rt_install_library target component)
  cmake_parse_arguments(ARG "" "EXPORT" "" ${ARGN})
  set(as_cpp)
  set(as_site)
  if(ARG_EXPORT)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${ARG_EXPORT})
    target_compile_features(${target} PUBLIC cxx_std_17)
    set(as_cpp EXPORT learn_rt_cpp)
    set(as_site EXPORT learn_rt_site)
  endif()
  install(TARGETS ${target} ${as_cpp} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT cpp ${LEARN_RT_CPP_ONLY}
          INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  if(LEARN_RT_PYTHON)
    install(TARGETS ${target} ${as_site} LIBRARY DESTINATION learn_rt COMPONENT ${component}
            INCLUDES DESTINATION learn_rt/include)
  endif()
endfunction()

# Installs a folder of public headers.
function(learn_rt_install_headers folder)
  install(DIRECTORY ${folder}/learn_rt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT cpp ${LEARN_RT_CPP_ONLY})
  if(LEARN_RT_PYTHON)
    install(DIRECTORY ${folder}/learn_rt DESTINATION learn_rt/include COMPONENT headers)
  endif()
endfunction()

function(learn_rt_install_package folder export component)
  set(build ${PROJECT_BINARY_DIR}/package/${export})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/learn_rtConfig.cmake.in ${build}/learn_rtConfig.cmake
                                INSTALL_DESTINATION ${folder})
  # Before 1.0 a minor version may change what programs see.
  write_basic_package_version_file(${build}/learn_rtConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(EXPORT ${export} NAMESPACE learn_rt:: FILE learn_rtTargets.cmake DESTINATION ${folder} COMPONENT ${component}
          ${ARGN})
  install(FILES ${build}/learn_rtConfig.cmake ${build}/learn_rtConfigVersion.cmake DESTINATION ${folder}
          COMPONENT ${component} ${ARGN})
endfunction()

# Once every part has said what it installs.
function(learn_rt_install_packages)
  learn_rt_install_package(${CMAKE_INSTALL_LIBDIR}/cmake/learn_rt learn_rt_cpp cpp ${LEARN_RT_CPP_ONLY})
  if(LEARN_RT_PYTHON)
    learn_rt_install_package(learn_rt/cmake learn_rt_site headers)
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/learn_rt.pc.in ${PROJECT_BINARY_DIR}/package/learn_rt.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/learn_rt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT cpp
          ${LEARN_RT_CPP_ONLY})
endfunction()
