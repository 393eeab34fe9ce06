add_compile_options(-Wall -Wextra -Werror -Wshadow=local -Wnon-virtual-dtor -Woverloaded-virtual)
