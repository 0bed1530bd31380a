/* Sending between the processes of a run, which a launcher (mpirun, srun) has started together. The
 * binary of `make MPI=1` does it by MPI (mpi.c), any other has one process (single.c); nothing of
 * MPI is seen outside of this room.
 *
 *     lm_comm *c;
 *     lm_comm_open(&c, err);                  // NULL: this process alone
 *     lm_comm_send(batch, to, data, size);    // begins; to the same rank they arrive in this order
 *     lm_comm_receive(batch, from, data, size);
 *     lm_comm_wait(batch, err);
 *     return lm_comm_close(c, status, err);
 *
 * Processes are ranks 0 .. size-1. All of them make the same calls in the same order, and each
 * message has the size that its receiver expects. Only the thread that opened may call, outside of
 * pool tasks. NULL is a process alone: rank 0 of 1, for which everything here does nothing and
 * succeeds. An error is a rank that was silent for too long (lm_comm_set_timeout), or of MPI
 * itself; what was received is undefined then. */
#ifndef LM_COMM_COMM_H
#define LM_COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_comm lm_comm;

/* What the binary sends by: "Open MPI v4.1.4"; NULL: it has no MPI. */
const char *lm_comm_library(char *text, size_t size);
/* How many copies of this program a launcher has started, by its environment, that do not know of
 * each other: the binary or the launch lacks MPI. *launcher: "mpirun" or "srun". 0: not so. */
int lm_comm_strangers(const char **launcher);

/* *c: the processes that were started together, NULL when this is the only one. */
lm_status lm_comm_open(lm_comm **c, lm_error *err);
/* The end of the process's work, which may have failed with *err. A `shared` error (lm_comm_agree)
 * is said here by rank 0, once, before any of them ends; for any other, as lm_comm_fail does. *err
 * is empty then. Returns status. */
lm_status lm_comm_close(lm_comm *c, lm_status status, lm_error *err);
/* An error that only this rank knows (status is not LM_OK, *err not `shared`) is said here, and
 * ends all processes with its exit code. Whoever has given memory to messages calls this before it
 * frees that: they may still be on their way. Returns where there is no such error, or no other
 * rank. */
void lm_comm_fail(const lm_comm *c, lm_status status, const lm_error *err);

int lm_comm_rank(const lm_comm *c);
int lm_comm_size(const lm_comm *c);
const char *lm_comm_host(const lm_comm *c, int rank); /* "" for a process alone */
/* Ranks on this one's host, itself included; and those of them that may use the same CPUs. */
int lm_comm_neighbours(const lm_comm *c);
int lm_comm_sharers(const lm_comm *c);
/* Of this rank's host: how many CPUs its ranks may use, and how many of them there are beside these
 * that nothing but how the launcher bound the ranks keeps them from using. */
typedef struct lm_comm_cpus {
    int used, idle;
} lm_comm_cpus;
lm_comm_cpus lm_comm_host_cpus(const lm_comm *c);
/* A rank that is waited for and silent for so many seconds is an error; 0, as at first: never. It
 * is not silent while it calls lm_comm_alive, or waits itself. exit_code: of this error and those
 * of MPI. */
void lm_comm_set_timeout(lm_comm *c, double seconds, int exit_code);
/* Tells the others that this rank is at work; costs a look at the clock where it is called more
 * often than that needs. */
void lm_comm_alive(lm_comm *c);

/* ---- messages on their way --------------------------------------------------------------------*/

typedef struct lm_comm_batch lm_comm_batch;
enum { LM_COMM_MAIN, LM_COMM_GRADIENTS, LM_COMM_WEIGHTS, LM_COMM_ALIVE }; /* channels */
/* Grows to the most messages it ever held, and allocates nothing after that. NULL without memory.
 * Messages of one channel arrive in the order in which they are sent, whatever their batches;
 * those of different channels do not wait for each other. */
lm_comm_batch *lm_comm_batch_create(lm_comm *c, int channel);
void lm_comm_batch_free(lm_comm_batch *b); /* NULL is fine */
/* The data must stay as it is, or be left alone, until the batch was waited for. */
void lm_comm_send(lm_comm_batch *b, int to, const void *data, size_t size);
void lm_comm_receive(lm_comm_batch *b, int from, void *data, size_t size);
/* Moves messages on, which happens in calls alone. Are all of the batch done? */
bool lm_comm_test(lm_comm_batch *b);
/* From now on the call is made again and again while lm_comm_wait waits, for what else has to move;
 * it may test batches and begin messages of others than the one that is waited for. NULL: none. */
void lm_comm_set_turn(lm_comm *c, void (*call)(void *argument), void *argument);
/* Until all of the batch are done; it is empty then. */
lm_status lm_comm_wait(lm_comm_batch *b, lm_error *err);

/* ---- all together -----------------------------------------------------------------------------*/

/* Rank r has bytes [offsets[r], offsets[r + 1]) of data; afterwards every rank has all. */
lm_status lm_comm_all(lm_comm *c, void *data, const size_t *offsets, lm_error *err);
/* The same for pieces of one size: data [size of c][each]. */
lm_status lm_comm_all_equal(lm_comm *c, void *data, size_t each, lm_error *err);
/* Afterwards rank 0 has all; the others' data is as it was. */
lm_status lm_comm_collect(lm_comm *c, void *data, const size_t *offsets, lm_error *err);
/* Afterwards all ranks have the data of rank `from`. */
lm_status lm_comm_broadcast(lm_comm *c, int from, void *data, size_t size, lm_error *err);
/* Every rank comes with its status, *err filled when that is not LM_OK. When any has failed, all
 * return the error of the lowest that has. It is `shared` then: messages arrive, and the ranks may
 * go on. An error that is not is of the messages. */
lm_status lm_comm_agree(lm_comm *c, lm_status status, lm_error *err);

#endif
