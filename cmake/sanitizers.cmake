set(VBRAIN_SANITIZE "" CACHE STRING "Value of -fsanitize=, e.g. address,undefined or thread")
if(VBRAIN_SANITIZE)
  add_compile_options(-fsanitize=${VBRAIN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VBRAIN_SANITIZE})
endif()

# Makes clang count branches and watch comparisons in all that is compiled, as libFuzzer wants it. tests/CMakeLists.txt links
# libFuzzer.
option(VBRAIN_LIBFUZZER "Compile for libFuzzer (clang only)" OFF)
if(VBRAIN_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
