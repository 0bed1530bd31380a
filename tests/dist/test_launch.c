/* What a launcher has started, by its environment. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "comm/launch.h"

static void test_slurm_numbers(void **state) {
    (void)state;
    static const int numbers[] = {2, 2, 2, 1, 12};
    for (int i = 0; i < 5; i++)
        assert_int_equal(lm_launch_slurm_number("2(x3),1,12", i), numbers[i]);
    assert_int_equal(lm_launch_slurm_number("2(x3),1,12", 5), 0);
    assert_int_equal(lm_launch_slurm_number("2(x", 0), 0);
    assert_int_equal(lm_launch_slurm_number("2(x3", 1), 2);
    assert_int_equal(lm_launch_slurm_number("x", 0), 0);
    assert_int_equal(lm_launch_slurm_number("99999999999999999999", 0), 0);
    assert_int_equal(lm_launch_slurm_number(NULL, 0), 0);
}

static void expect(int size, int rank, int neighbours, const char *launcher) {
    lm_launch l = lm_launch_read();
    assert_int_equal(l.size, size);
    assert_int_equal(l.rank, rank);
    assert_int_equal(l.neighbours, neighbours);
    if (launcher) assert_string_equal(l.launcher, launcher);
    if (!launcher) assert_null(l.launcher);
}

static void test_launchers(void **state) {
    (void)state;
    lm_launch_forget();
    expect(1, 0, 0, NULL);
    assert_false(lm_launch_by_mpi());
    setenv("SLURM_STEP_NUM_TASKS", "5", 1);
    setenv("SLURM_PROCID", "4", 1);
    setenv("SLURM_NODEID", "1", 1);
    setenv("SLURM_STEP_TASKS_PER_NODE", "3,2", 1);
    expect(5, 4, 2, "srun");
    assert_false(lm_launch_by_mpi());
    setenv("PMI_SIZE", "3", 1); /* srun --mpi=pmi2 */
    setenv("PMI_RANK", "1", 1);
    expect(5, 4, 2, "srun");
    assert_true(lm_launch_by_mpi());
    setenv("MPI_LOCALNRANKS", "2", 1); /* MPICH's mpirun within a job */
    expect(3, 1, 2, "mpirun");
    setenv("OMPI_COMM_WORLD_SIZE", "4", 1); /* Open MPI's */
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    expect(4, 3, 0, "mpirun");
    setenv("OMPI_COMM_WORLD_SIZE", "x", 1);
    expect(3, 1, 2, "mpirun");
    lm_launch_forget();
    expect(1, 0, 0, NULL);
    assert_false(lm_launch_by_mpi());
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    expect(1, 0, 0, NULL);
    assert_true(lm_launch_by_mpi());
    lm_launch_forget();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slurm_numbers),
        cmocka_unit_test(test_launchers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
