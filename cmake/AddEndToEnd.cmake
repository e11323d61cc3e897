# One ctest for each tests/e2e/test_*.py, named after the file, labelled e2e. A line
#
#   # ctest labels: sanitize
#
# in the file adds labels: `sanitize` makes the file run with the sanitized program too.
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
    file(STRINGS ${file} labels REGEX "^# ctest labels: ")
    string(REGEX REPLACE "^# ctest labels: " "" labels "${labels}")
    string(REPLACE " " ";" labels "${labels}")
    add_test(NAME ${name} COMMAND ${HOLDFAST_PYTHON} -m pytest -q ${file} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
    set_tests_properties(${name} PROPERTIES TIMEOUT 900 LABELS "e2e;${labels}" ENVIRONMENT "${environment}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
endfunction()
