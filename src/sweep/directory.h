/* The directory of a sweep, which all its workers share:
 *
 *     sweep.json          the sweep file, as it was when the sweep began
 *     base.json           the base config; not when it stands in sweep.json
 *     begun.json          where it was begun: the directory that paths in configs are relative to
 *     journals/           journal.h: what happened, a file for each worker
 *     workers/, claims/   claim.h: who lives, who runs what
 *     trials/00017/       the trials' run directories; trials/00017.log: what they said
 *     leaderboard.csv, leaderboard.json, importance.json, best.json   leaderboard.h; report.html */
#ifndef LM_SWEEP_DIRECTORY_H
#define LM_SWEEP_DIRECTORY_H

#include "sweep/sweep.h"

/* Makes the directory s->options.dir and its files, or goes on in it. LM_ERR_USAGE when it holds
 * another sweep, or anything else. */
lm_status lm_sweep_begin(const lm_sweep *s, lm_error *err);
/* Opens the sweep that lies in `directory`, for a process that joins it, and changes the working
 * directory to that in which the sweep was begun: s->options.dir is absolute. */
lm_status lm_sweep_join(lm_sweep *s, const char *directory, lm_error *err);

/* malloc'd path of the base config that trials are begun with; NULL: out of memory. */
char *lm_sweep_base_path(const lm_sweep *s);
/* malloc'd "DIR/NAME". */
char *lm_sweep_path(const lm_sweep *s, const char *name);

#endif
