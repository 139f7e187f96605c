# cmake -DBUILD=... -DWRITER=... -DSOURCE=... -DWORK=... -P out_of_tree.cmake
# Installs the C++ layout into a prefix, builds examples/cpp against it, and runs the example on a model folder.
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --component cpp --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples/cpp -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
    -DCMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WRITER} ${WORK}/model)
execute_process(COMMAND ${WORK}/build/answer ${WORK}/model/model native INPUT_FILE ${WORK}/model/samples.txt
                OUTPUT_VARIABLE answers ERROR_VARIABLE summary COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\n" lines "${answers}")
list(LENGTH lines n)
string(REGEX MATCHALL "warming up" cold "${answers}")
list(LENGTH cold n_cold)
if(NOT n EQUAL 50 OR NOT n_cold EQUAL 5 OR NOT summary MATCHES "50 answers on native")
  message(FATAL_ERROR "50 answers were due, 5 of them warming up (window 6):\n${answers}${summary}")
endif()
file(REMOVE_RECURSE ${WORK})
