# `make fuzz` needs clang, because libFuzzer is a part of it. What ships is built with g++.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # This project turns warnings on and off that only g++ has.
  add_compile_options(-Wno-unknown-warning-option)
  # Asio 1.74 looks for the coroutines of the technical specification if the compiler is clang, which has those of C++20.
  add_compile_definitions(BOOST_ASIO_HAS_CO_AWAIT=1)
endif()
