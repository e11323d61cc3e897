# A room is one folder under src/, one target, one namespace. add_room() is the single source of the arrows between
# rooms: the `architecture` test reads the calls and compares every #include with them.
#
#   add_room(storage DEPENDS base LIBRARIES fmt::fmt)
#
# THREADED says that the room has threads or is used by many at once: its tests run under the thread sanitizer too.
#
# Sources are the folder's *.cc, tests its *_test.cc, fakes and fixtures its testing/*.cc, fuzzers its *_fuzzer.cc.
add_library(holdfast_warnings INTERFACE)
target_compile_options(holdfast_warnings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wnull-dereference -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside the standard library's own inlined code (GCC bugs 105329, 105651, 108860).
  target_compile_options(holdfast_warnings INTERFACE
    -Wno-null-dereference -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-maybe-uninitialized -Wno-dangling-pointer)
else()
  # GCC's -Wconversion does not include it in C++: both compilers hold us to the same.
  target_compile_options(holdfast_warnings INTERFACE -Wno-sign-conversion)
endif()
if(HOLDFAST_SANITIZE)
  target_compile_options(holdfast_warnings INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(holdfast_warnings INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
endif()
if(HOLDFAST_FUZZ)
  target_compile_options(holdfast_warnings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What a sanitizer build needs, and no more: the tests of all rooms, and those of the threaded ones.
add_custom_target(unit_tests)
add_custom_target(threaded_tests)

function(add_room name)
  cmake_parse_arguments(ROOM "THREADED" "" "DEPENDS;LIBRARIES;TEST_DEPENDS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h ${dir}/testing/*.h)
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/*_test.cc)
  file(GLOB fakes CONFIGURE_DEPENDS ${dir}/testing/*.cc)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${dir}/*_fuzzer.cc)
  list(REMOVE_ITEM sources ${tests} ${fuzzers} ${dir}/main.cc)
  list(TRANSFORM ROOM_DEPENDS PREPEND holdfast_)

  add_library(holdfast_${name} STATIC ${sources})
  target_include_directories(holdfast_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(holdfast_${name} PUBLIC ${ROOM_DEPENDS} PRIVATE holdfast_warnings ${ROOM_LIBRARIES})
  # A foo.cc includes its foo.h first (the `architecture` test sees to it), so compiling it proves that the header compiles
  # alone. The other headers are compiled alone by the target all_verify_interface_header_sets.
  set(sourceless "")
  foreach(header ${headers})
    string(REGEX REPLACE "\\.h$" ".cc" source ${header})
    if(NOT EXISTS ${source})
      list(APPEND sourceless ${header})
    endif()
  endforeach()
  target_sources(holdfast_${name} PUBLIC
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers}
    FILE_SET sourceless TYPE HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${sourceless})
  set_target_properties(holdfast_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON
    INTERFACE_HEADER_SETS_TO_VERIFY sourceless)
  if(HOLDFAST_SANITIZE)
    target_link_options(holdfast_${name} PUBLIC -fsanitize=${HOLDFAST_SANITIZE})
  endif()

  # Always there, so that TEST_DEPENDS may name a room whose fakes are headers only.
  if(fakes)
    add_library(holdfast_${name}_testing STATIC ${fakes})
    target_link_libraries(holdfast_${name}_testing PUBLIC holdfast_${name} PRIVATE holdfast_warnings ${ROOM_LIBRARIES}
      GTest::gtest)
  else()
    add_library(holdfast_${name}_testing INTERFACE)
    target_link_libraries(holdfast_${name}_testing INTERFACE holdfast_${name})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE holdfast_${name} holdfast_warnings ${ROOM_LIBRARIES} GTest::gtest
      GTest::gmock GTest::gtest_main rapidcheck)
    target_link_libraries(${name}_test PRIVATE holdfast_${name}_testing)
    foreach(other ${ROOM_TEST_DEPENDS})
      target_link_libraries(${name}_test PRIVATE holdfast_${other}_testing)
    endforeach()
    # One ctest per room: starting hundreds of processes costs more than the tests do.
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS unit
      ENVIRONMENT LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/leaks.supp:print_suppressions=0)
    add_dependencies(unit_tests ${name}_test)
    if(ROOM_THREADED)
      set_property(TEST ${name} APPEND PROPERTY LABELS threaded)
      add_dependencies(threaded_tests ${name}_test)
    endif()
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(target ${fuzzer} NAME_WE)
    add_executable(${target} ${fuzzer})
    target_link_libraries(${target} PRIVATE holdfast_${name} holdfast_warnings)
    if(HOLDFAST_FUZZ)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
      # Without libFuzzer the corpus is replayed as an ordinary test.
      target_link_libraries(${target} PRIVATE holdfast_fuzz_replay)
      add_test(NAME ${target} COMMAND ${target} ${dir}/corpus/${target})
      set_tests_properties(${target} PROPERTIES TIMEOUT 300 LABELS unit)
      add_dependencies(unit_tests ${target})
    endif()
  endforeach()
endfunction()
