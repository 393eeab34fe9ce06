# What the images carry is compiled and linked so that an error in memory handling ends the program instead of letting a
# stranger in: canaries on the stack, checked string functions, checked indexes of containers, addresses that differ in each
# run, and tables of the dynamic linker that cannot be written. scripts/images/check-hardening.sh looks for all of it in the
# programs. Sanitizers check more and do not go together with _FORTIFY_SOURCE, which needs an optimised build.
set(VBRAIN_HARDENED OFF)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT VBRAIN_SANITIZE)
  set(VBRAIN_HARDENED ON)
  add_compile_options(-fstack-protector-strong -fPIE)
  add_compile_definitions(_FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
