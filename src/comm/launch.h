/* How a launcher (mpirun, srun) has started this process, by its environment alone: also where the
 * binary or the launch has no MPI, so that the copies cannot meet (comm.h). */
#ifndef LM_COMM_LAUNCH_H
#define LM_COMM_LAUNCH_H

#include <stdbool.h>

typedef struct lm_launch {
    int size, rank;       /* copies of the program that were started together; 1, 0: alone */
    int neighbours;       /* of them on this one's machine, itself included; 0: not known */
    const char *launcher; /* "mpirun" or "srun"; NULL: alone */
    const char *variable; /* that gives the size: "OMPI_COMM_WORLD_SIZE" */
} lm_launch;

lm_launch lm_launch_read(void);
/* Was this process started so that MPI can be begun, be it alone? */
bool lm_launch_by_mpi(void);
/* Takes out of the environment what the functions above read: programs that this process begins are
 * alone. Not while another thread reads the environment. */
void lm_launch_forget(void);

/* The n-th number of Slurm's short form of a list: "2(x3),1" is 2, 2, 2, 1. 0: there is none. */
int lm_launch_slurm_number(const char *list, int n);

#endif
