/* Inside the room: what mpi.c and comm.c share. */
#ifndef LM_COMM_PARTS_H
#define LM_COMM_PARTS_H

#include "comm/comm.h"

enum { LM_COMM_HOST_SIZE = 64, LM_COMM_CPUS = 1024 };

/* What ranks tell each other when they meet. */
typedef struct lm_comm_card {
    char host[LM_COMM_HOST_SIZE];
    uint64_t cpus;                    /* a digest of those that it may use, */
    uint64_t bits[LM_COMM_CPUS / 64]; /* which are these of the first ones, */
    int32_t reachable;                /* and how many it could use */
} lm_comm_card;

struct lm_comm {
    int rank, size;
    lm_comm_card *cards;          /* [size] */
    double timeout;               /* seconds; 0: none */
    int exit_code;                /* of errors of messages; 0: LM_ERR_RUNTIME */
    double *heard;                /* [size]: when each last said that it is alive; 0: not yet */
    double told;                  /* when this one did */
    lm_comm_batch *own;           /* of the functions that all ranks call together */
    void (*turn)(void *argument); /* lm_comm_set_turn */
    void *turn_argument;
};

/* Of the library: has this process met others that were started with it? */
bool lm_comm_met(void);
/* All ranks call it, and tell nothing after it: takes in what they have told, since some MPIs
 * complain of messages that nobody received. */
void lm_comm_settle(lm_comm *c);
/* Ends MPI, or all processes with this exit code. */
void lm_comm_end(void);
_Noreturn void lm_comm_abort(int code);

#endif
