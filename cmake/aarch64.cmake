# The runtime for 64-bit ARM (NEON) from a Debian or Ubuntu PC: `make check-aarch64` builds it and runs its tests in qemu.
# LEARN_RT_SYSROOT: the headers and libraries that cmake/aarch64-sysroot makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LEARN_RT_SYSROOT)

set(CMAKE_FIND_ROOT_PATH ${LEARN_RT_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Programs of the build tree find the sysroot's libraries at run time.
set(CMAKE_BUILD_RPATH ${LEARN_RT_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
