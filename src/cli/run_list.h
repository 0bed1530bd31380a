/* The runs that a command is given: run directories, and directories that hold some. */
#ifndef LM_CLI_RUN_LIST_H
#define LM_CLI_RUN_LIST_H

#include "cli/options.h"
#include "view/run.h"

typedef struct lm_run_list {
    lm_view_run *runs; /* [count], read */
    int64_t count;
    bool may_grow; /* a path is a directory of runs, or of a sweep's trials */
} lm_run_list;

/* Opens and reads them; names are made to differ. LM_ERR_USAGE for what is no run and holds none.
 */
lm_status lm_run_list_open(lm_run_list *l, const lm_option_texts *paths, lm_error *err);
/* Adds runs that came into directories of runs since. */
lm_status lm_run_list_find(lm_run_list *l, const lm_option_texts *paths, lm_error *err);
/* Reads what is new, and which of them a process trains now. */
lm_status lm_run_list_read(lm_run_list *l, lm_error *err);
void lm_run_list_close(lm_run_list *l); /* zero-initialised or twice is fine */

#endif
