/* What happened in a sweep: a file of JSON lines for each worker, DIR/journals/NAME.jsonl, to which
 * it alone appends (appending from several machines is not atomic on NFS); whoever reads merges
 * them.
 *
 *     {"trial":17,"rung":0,"state":"done","steps":40,"loss":2.13,"seconds":1.9,"exit_code":0}
 *     {"stop":"trial 17 (optimizer.lr = 7): ...","exit_code":2}    // every worker ends so: a
 *                                        // mistake in a config (2), data that is missing (1)
 *     {"end":1}                                           // the worker ended: its last line
 *
 * A result is a function of the trial and the rung, whoever computes it. Where two workers ran the
 * same task, because one was taken for dead, the one that got further counts. */
#ifndef LM_SWEEP_JOURNAL_H
#define LM_SWEEP_JOURNAL_H

#include "sweep/sweep.h"

/* By rising rank: of two results the higher one counts. */
typedef enum lm_task_state {
    LM_TASK_OPEN,
    LM_TASK_FAILED,   /* its process failed, more often than sweep.retries */
    LM_TASK_DIVERGED, /* exit code 3: a result */
    LM_TASK_DONE,
    LM_TASK_STATES,
} lm_task_state;

typedef struct lm_result {
    lm_task_state state;
    int exit_code;
    int64_t steps;  /* of the run, done */
    double loss;    /* the objective; NaN unless DONE */
    double seconds; /* of this task's processes */
} lm_result;

typedef struct lm_journal_entry {
    int64_t trial, rung;
    lm_result result;
    bool is_stop, is_end;
    char stop[2000];
    lm_status stop_code;
} lm_journal_entry;

/* Appends the entry with its newline. */
void lm_journal_print(const lm_journal_entry *e, lm_text *out);
/* Reads a line without its newline. LM_ERR_RUNTIME: it is no entry. */
lm_status lm_journal_parse(const char *line, size_t size, lm_journal_entry *e, lm_error *err);

/* All journals of a sweep, merged. */
typedef struct lm_journals {
    lm_result *results; /* [n_trials, rungs] */
    int64_t n_trials;
    int rungs;
    int64_t n_done; /* results that are not OPEN */
    bool stopped;   /* an entry `stop` was read by the last call of lm_journals_read */
    char stop[2000];
    lm_status stop_code;
    struct lm_journal_file {
        char *name;
        uint64_t read; /* bytes taken, up to a line's end */
        bool ended;    /* its last line has been read */
    } * files;
    size_t n_files;
    lm_text warnings; /* lines that are no entries; the caller says them and empties it */
} lm_journals;

lm_status lm_journals_open(lm_journals *j, const lm_sweep *s, lm_error *err);
/* Takes what is new in the files of DIR/journals. A line that is not finished yet waits. */
lm_status lm_journals_read(lm_journals *j, const lm_sweep *s, lm_error *err);
/* Has all been read that the worker of this name wrote, and did it end? */
bool lm_journals_ended(const lm_journals *j, const char *worker);
void lm_journals_close(lm_journals *j); /* zero-initialised or twice is fine */

/* Of a task; valid until the next call that reads. */
lm_result *lm_journals_result(const lm_journals *j, int64_t trial, int rung);

/* One's own journal: created here, named `name`; appended to by one write each, of which nothing is
 * left when there is no room for the whole. */
lm_status lm_journal_create(int *fd, const lm_sweep *s, const char *name, lm_error *err);
lm_status lm_journal_append(int fd, const lm_sweep *s, const lm_journal_entry *e, lm_error *err);

#endif
