#include "comm/launch.h"

#include <stdlib.h>
#include <string.h>

/* One row per launcher. Open MPI stands before Slurm, whose srun starts the daemons of mpirun in a
 * job and whose variables they pass on; MPICH's own launcher sets all of its row, and srun with
 * PMI2 sets the first two. NULL: the launcher does not say it. */
static const struct row {
    const char *size, *rank, *neighbours, *launcher;
} rows[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "mpirun"},
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_SIZE", "mpirun"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", NULL, "srun"},
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS", "mpirun"},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* Beside the rows but for Slurm's: what MPI is begun with. */
static const char *const others[] = {"PMIX_RANK", "PMI_FD"};
enum { OTHERS = sizeof others / sizeof *others };

enum { MOST = 1000000 };

/* -1: it is not set, or is no number. */
static int number_of(const char *name) {
    const char *text = name ? getenv(name) : NULL;
    char *end;
    if (!text || *text < '0' || *text > '9') return -1;
    long n = strtol(text, &end, 10);
    return *end == '\0' && n <= MOST ? (int)n : -1;
}

int lm_launch_slurm_number(const char *list, int n) {
    while (list && *list >= '0' && *list <= '9') {
        char *end;
        long number = strtol(list, &end, 10), times = 1;
        if (strncmp(end, "(x", 2) == 0) times = strtol(end + 2, &end, 10);
        if (*end == ')') end++;
        if (number < 1 || number > MOST || times < 1) return 0;
        if (n < times) return (int)number;
        n -= (int)times;
        list = *end == ',' ? end + 1 : NULL;
    }
    return 0;
}

static int neighbours_of(const struct row *row) {
    int node = number_of("SLURM_NODEID");
    if (row->neighbours) return number_of(row->neighbours) > 0 ? number_of(row->neighbours) : 0;
    return node < 0 ? 0 : lm_launch_slurm_number(getenv("SLURM_STEP_TASKS_PER_NODE"), node);
}

/* MPICH's launcher within a Slurm job: Slurm's variables are those of its own helpers. */
static bool is_hydra(void) {
    return number_of("PMI_SIZE") > 0 && number_of("MPI_LOCALNRANKS") > 0;
}

lm_launch lm_launch_read(void) {
    for (int i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        int size = number_of(row->size), rank = number_of(row->rank);
        if (size < 1 || rank < 0 || rank >= size) continue;
        if (strcmp(row->launcher, "srun") == 0 && is_hydra()) continue;
        if (size == 1) break;
        return (lm_launch){.size = size,
                           .rank = rank,
                           .neighbours = neighbours_of(row),
                           .launcher = row->launcher,
                           .variable = row->size};
    }
    return (lm_launch){.size = 1};
}

bool lm_launch_by_mpi(void) {
    for (int i = 0; i < OTHERS; i++)
        if (getenv(others[i])) return true;
    for (int i = 0; i < ROWS; i++)
        if (strcmp(rows[i].launcher, "srun") != 0 && (getenv(rows[i].size) || getenv(rows[i].rank)))
            return true;
    return false;
}

void lm_launch_forget(void) {
    for (int i = 0; i < OTHERS; i++) unsetenv(others[i]);
    for (int i = 0; i < ROWS; i++) {
        unsetenv(rows[i].size);
        unsetenv(rows[i].rank);
    }
}
