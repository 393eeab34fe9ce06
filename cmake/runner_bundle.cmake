# <build>/bundle/: the controller puts it on the volume as bin/<version>/, and every job's container mounts it at
# /vbrain/bin. The runner must start in any image (glibc, musl, or no libc), so it is one static file. The static
# archives of glibc, OpenSSL, RE2 and zlib are in the same packages as their headers. The runner uses no feature that needs a
# dynamic glibc (name service, locales, dlopen); main.cpp keeps OpenSSL from reading the image's configuration. `lib/`
# is reserved for future libraries.
function(vbrain_runner_bundle)
  if(VBRAIN_SANITIZE)
    return()
  endif()
  find_library(CRYPTO_ARCHIVE libcrypto.a REQUIRED)
  find_library(ZLIB_ARCHIVE libz.a REQUIRED)
  find_library(RE2_ARCHIVE libre2.a REQUIRED)
  add_executable(runner_static ${CMAKE_SOURCE_DIR}/runner/main.cpp)
  add_dependencies(runner_static vbrain_runner vbrain_artifacts vbrain_schema vbrain_base)
  target_include_directories(runner_static PRIVATE ${CMAKE_SOURCE_DIR}/lib ${CMAKE_SOURCE_DIR})
  # The archives are named by file, because the libraries' CMake targets name shared libraries that the runner does not
  # need.
  target_link_libraries(runner_static PRIVATE $<TARGET_FILE:vbrain_runner> $<TARGET_FILE:vbrain_artifacts>
                                              $<TARGET_FILE:vbrain_schema> $<TARGET_FILE:vbrain_base> ${RE2_ARCHIVE}
                                              ${CRYPTO_ARCHIVE} ${ZLIB_ARCHIVE})
  # --no-warnings: OpenSSL's archive contains functions that use the name service; the runner never calls them.
  target_link_options(runner_static PRIVATE -static-pie -s -Wl,--gc-sections -Wl,--no-warnings)
  set_target_properties(runner_static PROPERTIES OUTPUT_NAME runner POSITION_INDEPENDENT_CODE ON
                        LINK_DEPENDS "$<TARGET_FILE:vbrain_runner>;$<TARGET_FILE:vbrain_artifacts>;$<TARGET_FILE:vbrain_schema>;$<TARGET_FILE:vbrain_base>"
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bundle)
  add_custom_target(runner-bundle ALL COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bundle/lib
                    DEPENDS runner_static)
endfunction()
