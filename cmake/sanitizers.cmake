set(VBRAIN_SANITIZE "" CACHE STRING "Value of -fsanitize=, e.g. address,undefined or thread")
if(VBRAIN_SANITIZE)
  add_compile_options(-fsanitize=${VBRAIN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VBRAIN_SANITIZE})
endif()

# Makes the compiler call a function of tests/fuzz/coverage.cpp at every branch.
option(VBRAIN_COUNT_BRANCHES "Compile for the fuzzer" OFF)
if(VBRAIN_COUNT_BRANCHES)
  add_compile_options(-fsanitize-coverage=trace-pc)
endif()
