function(words_after start file result)
  file(STRINGS ${file} line REGEX "^${start}" LIMIT_COUNT 1)
  string(REPLACE "${start}" "" line "${line}")
  string(REPLACE " " ";" line "${line}")
  set(${result} ${line} PARENT_SCOPE)
endfunction()

function(add_end_to_end_test name file)
  cmake_parse_arguments(TEST "" "" "LABELS;STORES;ENVIRONMENT" ${ARGN})
  if(TEST_STORES)
    list(APPEND TEST_ENVIRONMENT HOLDFAST_OBJECT_STORES=${HOLDFAST_OBJECT_STORES})
  endif()
  add_test(NAME ${name} COMMAND ${HOLDFAST_PYTHON} -m pytest -q ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS "e2e;${TEST_LABELS}" FIXTURES_REQUIRED "${TEST_STORES}"
    ENVIRONMENT "${TEST_ENVIRONMENT}")
endfunction()

# One ctest for each tests/e2e/test_*.py, named after the file, labelled e2e. A line
#
#   # ctest labels: sanitize
#
# in the file adds labels: `sanitize` makes the file run with the sanitized program too. A line
#
#   # ctest needs: rgw
#
# names the object stores that it uses, and
#
#   # ctest also on: chaos
#
# makes a second ctest of it, e2e_NAME_on_chaos, whose repositories lie there (harness/places.py), with one major only:
# what servers differ in does not depend on where repositories lie.
function(add_end_to_end_tests dir)
  file(GLOB files CONFIGURE_DEPENDS ${dir}/test_*.py)
  set(environment PYTHONDONTWRITEBYTECODE=1)
  if(TARGET holdfast)
    list(APPEND environment HOLDFAST_PROGRAM=$<TARGET_FILE:holdfast>)
    add_dependencies(unit_tests holdfast)  # a sanitizer build makes no other target
  endif()
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    string(REPLACE "test_" "e2e_" name ${name})
    words_after("# ctest labels: " ${file} labels)
    words_after("# ctest needs: " ${file} stores)
    words_after("# ctest also on: " ${file} places)
    add_end_to_end_test(${name} ${file} LABELS ${labels} STORES ${stores} ENVIRONMENT ${environment})
    foreach(place ${places})
      add_end_to_end_test(${name}_on_${place} ${file} STORES ${stores} rgw ENVIRONMENT ${environment} HOLDFAST_PLACE=${place}
        HOLDFAST_MAJORS=17)
    endforeach()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
endfunction()
