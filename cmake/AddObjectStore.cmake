# Object stores that tests share, as ctest fixtures named like their kind: brought up before the first test that requires
# one, ended after the last, and in any case when ctest ends. HOLDFAST_OBJECT_STORES tells tests where they are.
set(HOLDFAST_OBJECT_STORES ${PROJECT_BINARY_DIR}/object-stores)

function(add_object_store kind)
  set(tool ${PROJECT_SOURCE_DIR}/tools/object-store)
  add_test(NAME ${kind}_up COMMAND ${tool} up ${kind} ${HOLDFAST_OBJECT_STORES}/${kind} --owner parent)
  add_test(NAME ${kind}_down COMMAND ${tool} down ${HOLDFAST_OBJECT_STORES}/${kind})
  set_tests_properties(${kind}_up PROPERTIES FIXTURES_SETUP ${kind} TIMEOUT 120 LABELS object-store)
  set_tests_properties(${kind}_down PROPERTIES FIXTURES_CLEANUP ${kind} TIMEOUT 60 LABELS object-store)
endfunction()

# add_object_store_test(NAME store_rgw STORE rgw [CHAOS] PROGRAM target [ARGUMENTS ...])
#
# A program that finds its store in HOLDFAST_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY; with CHAOS behind a proxy that
# does to a tenth of its requests what networks do.
function(add_object_store_test)
  cmake_parse_arguments(TEST "CHAOS" "NAME;STORE;PROGRAM" "ARGUMENTS" ${ARGN})
  if(TEST_CHAOS)
    set(chaos --chaos)
  endif()
  add_test(NAME ${TEST_NAME} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests
    COMMAND ${HOLDFAST_PYTHON} -m harness.object_store ${TEST_STORE} ${chaos} $<TARGET_FILE:${TEST_PROGRAM}> ${TEST_ARGUMENTS})
  set_tests_properties(${TEST_NAME} PROPERTIES TIMEOUT 600 LABELS object-store FIXTURES_REQUIRED ${TEST_STORE}
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;HOLDFAST_OBJECT_STORES=${HOLDFAST_OBJECT_STORES}")
endfunction()
