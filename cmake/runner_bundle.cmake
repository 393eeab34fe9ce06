# <build>/bundle/: what is put on the volume as bin/<version>/ and mounted at /vbrain/bin in every job's container. The
# runner must start in any image (glibc, musl, none), so it is one static file: glibc's, OpenSSL's and zlib's archives
# come with the same packages as their headers. It uses nothing that a static glibc can't do (names, locales, dlopen:
# main.cpp keeps OpenSSL from reading the image's configuration). `lib/` stays for what may once need a library.
function(vbrain_runner_bundle)
  if(VBRAIN_SANITIZE)
    return()
  endif()
  find_library(CRYPTO_ARCHIVE libcrypto.a REQUIRED)
  find_library(ZLIB_ARCHIVE libz.a REQUIRED)
  add_executable(runner_static ${CMAKE_SOURCE_DIR}/runner/main.cpp)
  add_dependencies(runner_static vbrain_runner vbrain_artifacts vbrain_base)
  target_include_directories(runner_static PRIVATE ${CMAKE_SOURCE_DIR}/lib ${CMAKE_SOURCE_DIR})
  # By file: the libraries' own link interfaces name shared libraries that the runner has no use for.
  target_link_libraries(runner_static PRIVATE $<TARGET_FILE:vbrain_runner> $<TARGET_FILE:vbrain_artifacts>
                                              $<TARGET_FILE:vbrain_base> ${CRYPTO_ARCHIVE} ${ZLIB_ARCHIVE})
  # --no-warnings: OpenSSL's archive has functions that look names up; nobody calls them.
  target_link_options(runner_static PRIVATE -static-pie -s -Wl,--gc-sections -Wl,--no-warnings)
  set_target_properties(runner_static PROPERTIES OUTPUT_NAME runner POSITION_INDEPENDENT_CODE ON
                        LINK_DEPENDS "$<TARGET_FILE:vbrain_runner>;$<TARGET_FILE:vbrain_artifacts>;$<TARGET_FILE:vbrain_base>"
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bundle)
  add_custom_target(runner-bundle ALL COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/bundle/lib
                    DEPENDS runner_static)
endfunction()
